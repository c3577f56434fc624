"""Check requests to the emulated AWS in the way AWS checks them."""
