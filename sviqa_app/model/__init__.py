"""The network: tensors in, tensors out. Opens no file, picks no device."""
