"""Texts in which a mail program would show links, and the same texts without links."""

from __future__ import annotations

LINKS = [
    (r"\\evilhost\share\salary", r"\[\]evilhost\share\salary"),
    (r"\\3232235777\share", r"\[\]3232235777\share"),
    ("see https://evil/x or HTTP://evil", "see https[:]//evil/x or HTTP[:]//evil"),
    ("smb://3232235777/x ldap://evil", "smb[:]//3232235777/x ldap[:]//evil"),
    ("ms-word:ofe|u|x search-ms:query=x", "ms-word[:]ofe|u|x search-ms[:]query=x"),
    ("tel:+49123 tel:110 SMS:110", "tel[:]+49123 tel[:]110 SMS[:]110"),
    ("mailto:x@evil javascript:alert(1)", "mailto[:]x[@]evil javascript[:]alert(1)"),
    ("1smb://evil s3:smb://evil", "1smb[:]//evil s3:smb[:]//evil"),
    ("at //evil/x", "at /[/]evil/x"),
    ("http:%65vil%2eexample/login HTTPS:(evil)", "http[:]%65vil%2eexample/login HTTPS[:](evil)"),
    ("http:3232235777/login http:1.2.3.4/x", "http[:]3232235777/login http[:]1.2.3.4/x"),
    ("view-source:1 git+http:~1 x-http:1", "view-source[:]1 git+http[:]~1 x-http[:]1"),
    ("ms-word:'1' search-ms:=1", "ms-word[:]'1' search-ms[:]=1"),
    ("mailto:%61@3232235777 a@1.2.3.4 a@@b a@b@c", "mailto[:]%61[@]3232235777 a[@]1.2.3.4 a[@@]b a[@]b[@]c"),
    # Dots of other scripts, which browsers read as dots of a host name.
    *((f"www{dot}1 WWW{dot}x", f"www[{dot}]1 WWW[{dot}]x") for dot in ".\u2024\u3002\ufe52\uff0e\uff61"),
    # Texts of our own messages and of AWS errors. They look similar to links, but must stay unchanged.
    ("denied: x, db:5432 at 10:30, then:", "denied: x, db:5432 at 10:30, then:"),
    ("@ a @b a@ b 2026-10: the recipients", "@ a @b a@ b 2026-10: the recipients"),
    ("SQLSTATE 42883, row 3: at 08:30, file: data", "SQLSTATE 42883, row 3: at 08:30, file: data"),
    ("{rows:>10} {date:%H:%M} a:'b'", "{rows:>10} {date:%H:%M} a:'b'"),
    ("s3://bucket/key jdbc:postgresql://db:5432/x", "s3://bucket/key jdbc:postgresql://db:5432/x"),
    ("kms:Decrypt on arn:aws:kms:eu-west-1:1:key/2", "kms:Decrypt on arn:aws:kms:eu-west-1:1:key/2"),
]

# Mail programs show a link for each of these schemes, even if a digit or a punctuation mark follows.
SCHEMES = """
callto cid data facetime feed file ftp ftps geo http https imap irc javascript ldap ldaps magnet mailbox
mailto mid mms ms-word news nntp rtsp search-ms sftp sip sips skype slack smb sms ssh tel telnet tg vbscript
view-source webcal whatsapp xmpp zoommtg
""".split()  # noqa: SIM905 (as a list it takes a line for each word)
LINKS += [(f"{scheme}:{mark}x", f"{scheme}[:]{mark}x") for scheme in SCHEMES for mark in "1%('~,"]
