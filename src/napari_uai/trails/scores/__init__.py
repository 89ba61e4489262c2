"""How little each trail fits."""
