"""Check requests to the emulated AWS as AWS itself checks them."""
