"""Gaps of the emulated AWS, closed: one file per service, one function per gap."""
