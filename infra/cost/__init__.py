"""What a stack costs a month: dated prices, an estimate, a budget."""
