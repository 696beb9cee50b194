"""A client of the national interface: what a till, the demo, the kit, worked examples and load tests send messages with.

It builds the envelope, signs and seals for the connection's transport, keeps the connection alive, sends a message whose answer
was lost again under the same number, reads amounts as decimals, and believes no settlement whose amounts do not add up.
"""

from mulaid.client.caller import ID_CARD, PATH, SOCIAL_CARD, TOKEN, TRIES, Bill, Certificate, Client, Line, Visit
from mulaid.client.connection import (
    Answer,
    Connection,
    Info,
    NoAnswer,
    Refused,
    WrongMoney,
    as_usual,
    dressed,
    identities,
    read_answer,
    signature,
)

__all__ = [
    "ID_CARD",
    "PATH",
    "SOCIAL_CARD",
    "TOKEN",
    "TRIES",
    "Answer",
    "Bill",
    "Certificate",
    "Client",
    "Connection",
    "Info",
    "Line",
    "NoAnswer",
    "Refused",
    "Visit",
    "WrongMoney",
    "as_usual",
    "dressed",
    "identities",
    "read_answer",
    "signature",
]
