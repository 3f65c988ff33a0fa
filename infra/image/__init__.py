"""`ModelImage`: an image built here, or an existing one; always by digest."""
