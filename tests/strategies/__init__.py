"""What tests draw inputs from."""
