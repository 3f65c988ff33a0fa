"""The native scoring kernel (topn.c) and its build."""
