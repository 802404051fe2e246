"""The verbs of the command `sviqa` that come in groups, and the options they share."""
