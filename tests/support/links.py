"""Texts in which a mail program would show links, and the same texts without links."""

from __future__ import annotations

LINKS = [
    (r"\\evilhost\share\salary", r"\[\]evilhost\share\salary"),
    (r"\\3232235777\share", r"\[\]3232235777\share"),
    ("see https://evil/x or HTTP://evil", "see https[:]//evil/x or HTTP[:]//evil"),
    ("smb://3232235777/x ldap://evil", "smb[:]//3232235777/x ldap[:]//evil"),
    ("ms-word:ofe|u|x search-ms:query=x", "ms-word[:]ofe|u|x search-ms[:]query=x"),
    ("tel:+49123 tel:110 SMS:110", "tel[:]+49123 tel[:]110 SMS[:]110"),
    ("mailto:x@evil javascript:alert(1)", "mailto[:]x@evil javascript[:]alert(1)"),
    ("1smb://evil s3:smb://evil", "1smb[:]//evil s3:smb[:]//evil"),
    ("at //evil/x", "at /[/]evil/x"),
    # Parts of our own messages and of errors of AWS, which must not change.
    ("denied: x, db:5432 at 10:30, then:", "denied: x, db:5432 at 10:30, then:"),
    ("{rows:>10} {date:%H:%M} a:'b'", "{rows:>10} {date:%H:%M} a:'b'"),
    ("s3://bucket/key jdbc:postgresql://db:5432/x", "s3://bucket/key jdbc:postgresql://db:5432/x"),
    ("kms:Decrypt on arn:aws:kms:eu-west-1:1:key/2", "kms:Decrypt on arn:aws:kms:eu-west-1:1:key/2"),
]
