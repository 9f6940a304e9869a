"""Routes of sessions: accounts, sign-in, sign-out."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Header, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from chassis.lifecycle import Lifecycle
from chassis.problems import Unauthorized
from chassis.session import Sessions
from chassis.web import create_app as create_shell
from services.sessions.config import SessionsSettings
from services.sessions.decisions import (
    LEAST_PASSWORD,
    MOST_EMAIL,
    MOST_PASSWORD,
    Account,
    Outcome,
    normalise_email,
    outcome,
)
from services.sessions.errors import BadCredentials, EmailTaken, KeyReused
from services.sessions.passwords import Passwords
from services.sessions.store import Store

COOKIE = "session"


def _email(text: str) -> str:
    email = normalise_email(text)
    if email is None:
        raise PydanticCustomError("email", "this does not look like an email address")
    return email


class NewAccount(BaseModel):
    """What a caller sends to open an account."""

    email: Annotated[str, AfterValidator(_email)]
    password: str = Field(min_length=LEAST_PASSWORD, max_length=MOST_PASSWORD)


class AccountAnswer(BaseModel):
    """An account, as its owner sees it."""

    id: uuid.UUID
    email: str


class Credentials(BaseModel):
    """What a caller signs in with. Its form is not judged: wrong is wrong."""

    email: str = Field(max_length=2 * MOST_EMAIL)
    password: str = Field(max_length=2 * MOST_PASSWORD)


class SessionAnswer(BaseModel):
    """A session: send the token as `Authorization: Bearer`, or let the cookie do it."""

    token: str
    expires_at: datetime


AccountId = Annotated[str | None, Header(alias="X-Account-Id", include_in_schema=False)]
Authorization = Annotated[str | None, Header(include_in_schema=False)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255)]


_OPENED: dict[int | str, dict[str, Any]] = {
    201: {
        "headers": {
            "Idempotency-Replayed": {
                "description": "That the account was opened before, with this Idempotency-Key",
                "schema": {"type": "string", "const": "true"},
            }
        }
    },
    409: {"description": "There is an account with this email"},
}
_COOKIE_SET = {
    "headers": {
        "Set-Cookie": {
            "description": f"The cookie `{COOKIE}`, HttpOnly: with the token, or taken away",
            "required": True,
            "schema": {"type": "string"},
        }
    }
}
_SIGNED_IN: dict[int | str, dict[str, Any]] = {
    201: _COOKIE_SET,
    401: {"description": "This email and password do not go together"},
}
_SIGNED_OUT: dict[int | str, dict[str, Any]] = {204: _COOKIE_SET}


def create_app(
    settings: SessionsSettings,
    life: Lifecycle,
    store: Store,
    passwords: Passwords,
    sessions: Sessions,
) -> FastAPI:
    """Wires the routes to accounts, passwords and sessions."""
    app = create_shell(settings, life, title="sessions")

    @app.post(
        "/accounts",
        status_code=201,
        response_model=AccountAnswer,
        responses=_OPENED,
    )
    async def open_account(request: NewAccount, idempotency_key: IdempotencyKey = None) -> Response:
        """Opens an account. With an Idempotency-Key it may be sent again without harm."""
        password_hash = await passwords.hash(request.password)
        wanted = Account(uuid.uuid4(), request.email, password_hash, idempotency_key)
        owner = await store.add(wanted)
        headers = {}
        match outcome(wanted, owner):
            case Outcome.TAKEN:
                raise EmailTaken
            case Outcome.REPLAYED:
                if not await passwords.verify(owner.password_hash, request.password):
                    raise KeyReused
                headers["Idempotency-Replayed"] = "true"
        return JSONResponse({"id": str(owner.id), "email": owner.email}, 201, headers)

    @app.post(
        "/sessions",
        status_code=201,
        response_model=SessionAnswer,
        responses=_SIGNED_IN,
    )
    async def sign_in(request: Credentials) -> Response:
        """Signs in.

        With an Idempotency-Key the balancers may send it again: at worst that opens a session
        that nobody knows and that lapses by itself.
        """
        email = normalise_email(request.email)
        account = await store.by_email(email) if email else None
        known_hash = account.password_hash if account else None
        if not await passwords.verify(known_hash, request.password) or account is None:
            raise BadCredentials
        token, expires_at = await sessions.open(str(account.id))
        answer = SessionAnswer(token=token, expires_at=expires_at)
        response = JSONResponse(answer.model_dump(mode="json"), 201, {"Cache-Control": "no-store"})
        response.set_cookie(
            COOKIE, token, httponly=True, samesite="lax", secure=settings.cookie_secure
        )
        return response

    @app.delete("/sessions/current", status_code=204, responses=_SIGNED_OUT)
    async def sign_out(authorization: Authorization = None) -> Response:
        """Signs out here. Twice is as good as once."""
        await sessions.close(_token(authorization))
        return _signed_out()

    @app.delete("/sessions", status_code=204, responses=_SIGNED_OUT)
    async def sign_out_everywhere(account_id: AccountId = None) -> Response:
        """Ends all sessions of the account, this one too."""
        if account_id is None:
            raise Unauthorized
        await sessions.close_all(account_id)
        return _signed_out()

    return app


def _token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized
    return token.strip()


def _signed_out() -> Response:
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response
