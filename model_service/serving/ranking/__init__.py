"""Top n: one definition of a score, two exact engines that rank by it, an approximate one in front on request."""
