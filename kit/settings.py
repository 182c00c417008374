"""Settings: read once from the environment, every fault named at once.

Development needs none of them. Production refuses to start on a missing or weak secret, because a forgeable
session or webhook is worse than a site that is down.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from environs import Env, EnvValidationError

from kit import disks

ROOT = Path(__file__).resolve().parent.parent

# Values that people leave in place from an example file. Compared in lower case.
PLACEHOLDERS = re.compile(
    r"^(change.?me|secret|dev|development|test|example|placeholder|your.*|replace.*|xxx+|whsec_(\.\.\.|x+|your.*|placeholder|test)?)$"
)

DEVELOPMENT_SECRET = "development-only-secret-key-not-for-production"  # noqa: S105
SANDBOX_WEBHOOK_SECRET = "whsec_sandbox_for_development_only"  # noqa: S105


class SettingsError(SystemExit):
    """Raised with every fault of the settings, one a line; the process must not start."""


def database_url(url: str) -> str:
    """A SQLAlchemy URL. Hosting companies still hand out ``postgres://``; a relative SQLite path is the checkout's."""
    if url.startswith("postgres://"):
        url = "postgresql://" + url.removeprefix("postgres://")
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////") and ":memory:" not in url:
        url = f"sqlite:///{ROOT / url.removeprefix('sqlite:///')}"
    return url


def load(overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """Flask configuration from the environment and ``.env``.

    ``overrides`` win (tests). Raises SettingsError naming every fault at once.
    """
    env = Env(eager=False)
    if (overrides or {}).get("APP_ENV", "") != "production":
        env.read_env(str(ROOT / ".env"), recurse=False)
    read, faults = _read(env), []
    try:
        env.seal()
    except EnvValidationError as error:
        messages: Any = error.error_messages
        faults += [f"{name}: {' '.join(map(_text, said))}" for name, said in messages.items()]
        defaults = _read(_Defaults())
        read |= {name: defaults[name] for name in messages if name in defaults}  # what cannot be read hides no other fault
    read |= overrides or {}
    faults += check(read)
    if faults:
        raise SettingsError("Wellspring does not start. Mend these settings:\n" + "\n".join(f"  - {fault}" for fault in faults))
    return read | derived(read)


def _text(said: Any) -> str:
    """What the reader of the environment says of one setting; of a list it only says at which place it stopped, from 0."""
    return said if isinstance(said, str) else f"entry {said + 1} of the list cannot be read."


class _Defaults:
    """Answers what Env would where nothing is set."""

    def str(self, _name: Any, default: Any, **_how: Any) -> Any:
        return default

    int = float = list = str


def _read(env: Any) -> dict[str, Any]:
    """Every setting with its default. What cannot be read is None until ``env.seal()`` says so."""
    return {
        "APP_ENV": env.str("APP_ENV", "development"),
        "SECRET_KEY": env.str("SECRET_KEY", ""),
        "SECRET_KEY_FALLBACKS": env.list("SECRET_KEY_FALLBACKS", []),
        "DATABASE_URL": env.str("DATABASE_URL", "sqlite:///instance/wellspring.db"),
        "PUBLIC_URL": env.str("PUBLIC_URL", f"http://127.0.0.1:{env.int('PORT', 8000)}"),
        "TRUSTED_HOSTS": env.list("TRUSTED_HOSTS", []),
        "PROXY_HOPS": env.int("PROXY_HOPS", 0),
        "STRIPE_SECRET_KEY": env.str("STRIPE_SECRET_KEY", ""),
        "STRIPE_WEBHOOK_SECRET": env.str("STRIPE_WEBHOOK_SECRET", ""),
        "STRIPE_NOTIFICATION_SECRET": env.str("STRIPE_NOTIFICATION_SECRET", ""),
        "STRIPE_ACCOUNT": env.str("STRIPE_ACCOUNT", ""),
        "STRIPE_API_BASE": env.str("STRIPE_API_BASE", ""),
        "SANDBOX_PORT": env.int("SANDBOX_PORT", 12111),
        "STRIPE_RATE": env.float("STRIPE_RATE", 20.0),
        "SMTP_URL": env.str("SMTP_URL", "console:"),
        "MAIL_FROM": env.str("MAIL_FROM", ""),
        "SITE_NAME": env.str("SITE_NAME", "The Ferry Bell"),
        "SITE_TAGLINE": env.str("SITE_TAGLINE", "Independent news from Tarrow Ferry and the Ansel valley"),
        "TIMEZONE": env.str("TIMEZONE", "UTC"),
        "CURRENCY": env.str("CURRENCY", "usd"),
        "LOCALE": env.str("LOCALE", "en_US"),
        "LEGAL_NAME": env.str("LEGAL_NAME", ""),
        "POSTAL_ADDRESS": env.str("POSTAL_ADDRESS", ""),
        "CONTRIBUTION_SUGGESTED": env.list("CONTRIBUTION_SUGGESTED", [500, 1000, 2500, 5000, 10000], subcast=int),
        "CONTRIBUTION_MINIMUM": env.int("CONTRIBUTION_MINIMUM", 100),
        "CONTRIBUTION_MAXIMUM": env.int("CONTRIBUTION_MAXIMUM", 1_000_000),
        "FEE_BASIS_POINTS": env.int("FEE_BASIS_POINTS", 290),
        "FEE_FIXED": env.int("FEE_FIXED", 30),
        "GRACE_DAYS": env.int("GRACE_DAYS", 7),
        "GROUP_MOST_SEATS": env.int("GROUP_MOST_SEATS", 100),
        "METER_LIMIT": env.int("METER_LIMIT", 3),
        "HOUSE_AD_TEXT": env.str("HOUSE_AD_TEXT", ""),
        "HOUSE_AD_URL": env.str("HOUSE_AD_URL", ""),
        "REDIS_URL": env.str("REDIS_URL", ""),
        "WEB_CONCURRENCY": env.int("WEB_CONCURRENCY", 2),
        "LOG_LEVEL": env.str("LOG_LEVEL", "INFO"),
        "SENTRY_DSN": env.str("SENTRY_DSN", ""),
        "METRICS_TOKEN": env.str("METRICS_TOKEN", ""),
        "ADMIN_EMAIL": env.str("ADMIN_EMAIL", ""),
        "JOB_RETRY_SECONDS": env.float("JOB_RETRY_SECONDS", 2.0),
    }


def check(read: dict[str, Any]) -> list[str]:
    """Every fault of these settings, as sentences that say what to do. Empty when they will do."""
    faults = []
    if read["APP_ENV"] not in ("development", "production"):
        faults.append(f"APP_ENV is {read['APP_ENV']!r}: say development or production.")
    try:
        ZoneInfo(read["TIMEZONE"])
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones, such as Europe
        faults.append(f"TIMEZONE {read['TIMEZONE']!r} is not a known zone: use a name like Europe/Berlin.")
    if not re.fullmatch(r"[a-z]{3}", read["CURRENCY"]):
        faults.append(f"CURRENCY {read['CURRENCY']!r}: use Stripe's three lower-case letters, such as usd.")
    if not urlsplit(read["PUBLIC_URL"]).netloc:
        faults.append("PUBLIC_URL must be a whole address such as https://news.example.")
    if read["GRACE_DAYS"] < 0 or read["GRACE_DAYS"] > 60:
        faults.append("GRACE_DAYS must be between 0 and 60.")
    if not 0 <= read["GROUP_MOST_SEATS"] <= 10_000:
        faults.append("GROUP_MOST_SEATS must be between 0 (groups are not sold) and 10000.")
    if not 1 <= read["STRIPE_RATE"] <= 100_000:
        faults.append("STRIPE_RATE: how many calls a second the whole site may make at Stripe, at least 1.")
    faults += check_addresses(read)
    faults += check_words(read)
    faults += check_money(read)
    faults += check_webhook_secrets(read)
    return faults + (check_production(read) if read["APP_ENV"] == "production" else [])


def check_addresses(read: dict[str, Any]) -> list[str]:
    """Where the database and the mail server are."""
    faults = []
    if not re.match(r"^(sqlite:///|postgres(ql)?(\+psycopg)?://)", read["DATABASE_URL"]):
        faults.append("DATABASE_URL must start with sqlite:/// or postgresql://.")
    if not re.match(r"^(console:|smtps?://)", read["SMTP_URL"]):
        faults.append("SMTP_URL must start with smtp:// or smtps:// (or be console: to print mail).")
    else:
        try:
            _ = urlsplit(read["SMTP_URL"]).port
        except ValueError:
            faults.append("SMTP_URL: the port behind the colon must be a number; a colon, @ or / in the password is written %3A, %40, %2F.")
    return faults


def check_words(read: dict[str, Any]) -> list[str]:
    """Names and counts of which only some mean anything."""
    faults = []
    if read["LOG_LEVEL"] not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        faults.append(f"LOG_LEVEL is {read['LOG_LEVEL']!r}: say DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    try:
        Locale.parse(read["LOCALE"])
    except (UnknownLocaleError, ValueError):
        faults.append(f"LOCALE {read['LOCALE']!r} is not known: use a name like en_US or de_DE.")
    faults += [f"{name} must not be below 0." for name in ("METER_LIMIT", "PROXY_HOPS") if read[name] < 0]
    if read["WEB_CONCURRENCY"] < 1:
        faults.append("WEB_CONCURRENCY: how many web processes there are, at least 1.")
    return faults


def check_money(read: dict[str, Any]) -> list[str]:
    """What contributions may be: all amounts in minor units of CURRENCY."""
    faults = []
    least, most = read["CONTRIBUTION_MINIMUM"], read["CONTRIBUTION_MAXIMUM"]
    if not 0 < least <= most:
        faults.append("CONTRIBUTION_MINIMUM and CONTRIBUTION_MAXIMUM: minor units, the minimum above 0 and not above the maximum.")
    elif not all(least <= amount <= most for amount in read["CONTRIBUTION_SUGGESTED"]):
        faults.append("CONTRIBUTION_SUGGESTED: minor units, comma separated, each between the minimum and the maximum.")
    if not 0 <= read["FEE_BASIS_POINTS"] <= 2000 or read["FEE_FIXED"] < 0:
        faults.append("FEE_BASIS_POINTS (290 is 2.9 %, 2000 at most) and FEE_FIXED (minor units) say what covering the fee adds.")
    return faults


def check_webhook_secrets(read: dict[str, Any]) -> list[str]:
    """An empty webhook secret is a forgeable endpoint, so blank entries are refused everywhere."""
    faults = []
    for name in ("STRIPE_WEBHOOK_SECRET", "STRIPE_NOTIFICATION_SECRET"):
        if not read[name] and (read["APP_ENV"] != "production" or name == "STRIPE_NOTIFICATION_SECRET"):
            continue
        secrets = read[name].split(",")
        if len(secrets) > 2:
            faults.append(f"{name} holds more than two secrets: keep the new one and the one that is being retired.")
        elif any(PLACEHOLDERS.match(secret.strip().lower()) or len(secret.strip()) < 16 for secret in secrets):
            faults.append(f"{name} is empty, blank or a placeholder: copy the signing secret (whsec_...) of the endpoint from Stripe.")
    return faults


def check_production(read: dict[str, Any]) -> list[str]:
    """What development may leave out and production may not."""
    faults = []
    if _is_weak(read["SECRET_KEY"]):
        faults.append(
            'SECRET_KEY is missing, short or a placeholder: make one with python -c "import secrets; print(secrets.token_urlsafe(48))".'
        )
    if any(_is_weak(secret) for secret in read["SECRET_KEY_FALLBACKS"]):
        faults.append("SECRET_KEY_FALLBACKS holds a short key or a placeholder: what it signed is still believed, so remove it.")
    webhook_secrets = [secret.strip() for secret in read["STRIPE_WEBHOOK_SECRET"].split(",")]
    if SANDBOX_WEBHOOK_SECRET in webhook_secrets:
        faults.append("STRIPE_WEBHOOK_SECRET is the sandbox's: copy the live endpoint's from Stripe.")
    elif not all(secret.startswith("whsec_") for secret in webhook_secrets):
        faults.append("STRIPE_WEBHOOK_SECRET must be what Stripe shows for the live endpoint: it begins with whsec_.")
    if not re.match(r"^(sk|rk)_live_\w{8,}", read["STRIPE_SECRET_KEY"]):
        faults.append("STRIPE_SECRET_KEY must be a live key (sk_live_... or a restricted rk_live_...).")
    if read["STRIPE_API_BASE"] and read["STRIPE_API_BASE"].rstrip("/") != "https://api.stripe.com":
        faults.append("STRIPE_API_BASE may not point elsewhere in production: remove it.")
    if urlsplit(read["PUBLIC_URL"]).scheme != "https":
        faults.append("PUBLIC_URL must be https:// in production.")
    if read["SMTP_URL"] == "console:":
        faults.append("SMTP_URL is not set: receipts and sign-in links would go nowhere.")
    if (url := database_url(read["DATABASE_URL"])).startswith("sqlite:///") and ":memory:" not in url:
        faults += disks.faults(Path(url.removeprefix("sqlite:///").partition("?")[0]))
    return faults


def _is_weak(secret: str) -> bool:
    """A key that could be guessed, or that everybody knows."""
    secret = secret.strip()
    return len(secret) < 32 or PLACEHOLDERS.match(secret.lower()) is not None or secret == DEVELOPMENT_SECRET


def derived(read: dict[str, Any]) -> dict[str, Any]:
    """What follows from the settings: Flask's and its extensions' own names."""
    production = read["APP_ENV"] == "production"
    https = urlsplit(read["PUBLIC_URL"]).scheme == "https"
    host = urlsplit(read["PUBLIC_URL"]).hostname or "localhost"
    values: dict[str, Any] = {
        "SECRET_KEY": read["SECRET_KEY"] or DEVELOPMENT_SECRET,
        "STRIPE_SECRET_KEY": read["STRIPE_SECRET_KEY"] or "sk_test_sandbox",
        "STRIPE_WEBHOOK_SECRET": read["STRIPE_WEBHOOK_SECRET"] or SANDBOX_WEBHOOK_SECRET,
        "STRIPE_API_BASE": read["STRIPE_API_BASE"] or ("" if production else f"http://127.0.0.1:{read['SANDBOX_PORT']}"),
        "SQLALCHEMY_DATABASE_URI": database_url(read["DATABASE_URL"]),
        "LEGAL_NAME": read["LEGAL_NAME"] or read["SITE_NAME"],
        "MAIL_FROM": read["MAIL_FROM"] or f"{read['SITE_NAME']} <news@{host}>",
        "TRUSTED_HOSTS": read["TRUSTED_HOSTS"] or ([host] if production else None),
        "SESSION_COOKIE_NAME": "__Host-session" if https else "session",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": 180 * 24 * 3600,
        "SESSION_REFRESH_EACH_REQUEST": False,
        "MAX_CONTENT_LENGTH": 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 768 * 1024,
        "MAX_FORM_PARTS": 100,
        "WTF_CSRF_TIME_LIMIT": None,
        # Over TLS the library would refuse a form without a Referer, and pages whose address is a secret send none; the token,
        # Sec-Fetch-Site and Origin (kit/csrf.py) say the same, and the cookie of a __Host- name no other host can plant.
        "WTF_CSRF_SSL_STRICT": False,
        "BABEL_DEFAULT_LOCALE": read["LOCALE"],
        "BABEL_DEFAULT_TIMEZONE": read["TIMEZONE"],
        "TEMPLATES_AUTO_RELOAD": False,
    }
    return values


def settings() -> dict[str, Any]:
    """The running application's configuration."""
    from flask import current_app

    return current_app.config
