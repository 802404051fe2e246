"""What people write that is not plain words, as plain words: foreign letters, numbers, abbreviations, symbols."""
