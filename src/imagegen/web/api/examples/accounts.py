"""The newcomer, their session and their key."""

from collections.abc import Mapping
from typing import Any, Final

from imagegen.web.api.examples.moments import CREATED

_EMAIL: Final = "test@example.com"
_PASSWORD: Final = "securepassword123"  # noqa: S105 - an example
_KEY_ID: Final = "key_01946960-9c07-7d51-8a02-6b7c8d9e0f1a"
_USER: Final = {
    "id": "usr_01946960-5e11-7c08-a3b4-c5d6e7f80910",
    "email": _EMAIL,
    "name": None,
    "avatar_url": None,
    "role": "user",
    "created_at": CREATED,
}
_KEY: Final = {
    "id": _KEY_ID,
    "name": "My Test Key",
    "prefix": "nb_live_3f9a",
    "scopes": ["generate", "read", "write"],
    "is_active": True,
    "last_used_at": None,
    "expires_at": None,
    "revoked_at": None,
    "created_at": CREATED,
}

EXAMPLES: Final[Mapping[str, Any]] = {
    "Registration": {"email": _EMAIL, "password": _PASSWORD},
    "Credentials": {"email": _EMAIL, "password": _PASSWORD},
    "RefreshRequest": {"refresh_token": "rt_d49Xi7LwWo13HSpS3HIrPONXRd6jSsSiK--LsrFw98xeDaV588sg5XfpuctT1Iqs"},
    "PasswordChange": {"current_password": _PASSWORD, "new_password": "correct horse battery staple"},
    "ProfileChange": {"name": "Test", "avatar_url": "https://example.com/test.png"},
    "AccountDeletion": {"password": _PASSWORD},
    "NewKey": {"name": "My Test Key"},
    "KeyChange": {"name": "Renamed", "scopes": ["generate", "read"]},
    "UserView": _USER,
    "LoginView": {
        "user": _USER,
        "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJpbWFnZWdlbiJ9.c2lnbmF0dXJl",
        "refresh_token": "rt_d49Xi7LwWo13HSpS3HIrPONXRd6jSsSiK--LsrFw98xeDaV588sg5XfpuctT1Iqs",
        "token_type": "bearer",
        "expires_in": 3600,
    },
    "SessionView": {
        "id": "ses_01946960-5e12-7a41-bc0d-1e2f30415263",
        "user_agent": "curl/8.5.0",
        "created_at": CREATED,
        "last_used_at": CREATED,
        "expires_at": "2027-01-22T09:26:53.589793Z",
        "current": True,
    },
    "KeyView": _KEY,
    "IssuedKeyView": _KEY | {"key": "nb_live_3f9a1c5e7b8d4f02a6c8e0d1b2f34567"},
}
