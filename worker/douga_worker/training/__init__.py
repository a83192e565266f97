"""How the network is made: rough-sketch synthesis, training and evaluation."""
