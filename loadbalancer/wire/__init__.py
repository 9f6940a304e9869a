"""HTTP/1.1 on the wire (RFC 9110, RFC 9112): strict, without I/O, bytes in and canonical bytes out.

What is ambiguous is rejected, because two readers that disagree on where a message ends are the
hole that request smuggling goes through. What is passed on is written anew.
"""
