"""The door: pictures, recordings and the loudspeaker, checked on entry."""
