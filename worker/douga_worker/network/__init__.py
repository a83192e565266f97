"""The simplification network: arrays go in, arrays come out; tensors stay inside."""
