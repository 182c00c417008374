"""The process refuses to start on every fault at once, and says what to do."""

from typing import Any

import pytest

from kit import settings

GOOD: dict[str, Any] = {
    "APP_ENV": "production",
    "SECRET_KEY": "k9s8d7f6g5h4j3k2l1m0n9b8v7c6x5z4a3s2d1f0",
    "STRIPE_SECRET_KEY": "rk_live_51H8abcdefgh",
    "STRIPE_WEBHOOK_SECRET": "whsec_9f8e7d6c5b4a39281706",
    "STRIPE_API_BASE": "",
    "PUBLIC_URL": "https://news.example",
    "SMTP_URL": "smtp://mail.example:587",
    "TRUSTED_HOSTS": [],
    "TIMEZONE": "Europe/Berlin",
    "CURRENCY": "eur",
    "GRACE_DAYS": 7,
}


def test_a_complete_production_starts() -> None:
    loaded = settings.load(GOOD)
    assert loaded["SESSION_COOKIE_NAME"] == "__Host-session"
    assert loaded["TRUSTED_HOSTS"] == ["news.example"]
    assert loaded["STRIPE_API_BASE"] == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "changeme"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", settings.DEVELOPMENT_SECRET),
        ("STRIPE_WEBHOOK_SECRET", ""),
        ("STRIPE_WEBHOOK_SECRET", "   "),
        ("STRIPE_WEBHOOK_SECRET", "whsec_..."),
        ("STRIPE_WEBHOOK_SECRET", "whsec_9f8e7d6c5b4a39281706,"),
        ("STRIPE_WEBHOOK_SECRET", ",".join(["whsec_9f8e7d6c5b4a39281706"] * 3)),
        ("STRIPE_WEBHOOK_SECRET", settings.SANDBOX_WEBHOOK_SECRET),
        ("STRIPE_WEBHOOK_SECRET", f"whsec_9f8e7d6c5b4a39281706, {settings.SANDBOX_WEBHOOK_SECRET}"),
        ("STRIPE_WEBHOOK_SECRET", "replace_me_with_your_secret"),
        ("STRIPE_WEBHOOK_SECRET", "sixteen-letters-but-not-stripes"),
        ("STRIPE_NOTIFICATION_SECRET", "whsec_..."),
        ("STRIPE_NOTIFICATION_SECRET", "whsec_9f8e7d6c5b4a39281706,"),
        ("SECRET_KEY_FALLBACKS", ["changeme"]),
        ("SECRET_KEY_FALLBACKS", ["k9s8d7f6g5h4j3k2l1m0n9b8v7c6x5z4a3s2d1f1", settings.DEVELOPMENT_SECRET]),
        ("STRIPE_SECRET_KEY", ""),
        ("STRIPE_SECRET_KEY", "sk_test_51H8abcdefgh"),
        ("STRIPE_API_BASE", "http://127.0.0.1:12111"),
        ("PUBLIC_URL", "http://news.example"),
        ("PUBLIC_URL", "news.example"),
        ("SMTP_URL", "console:"),
        ("SMTP_URL", "smtp://mail.example:x"),
        ("DATABASE_URL", "mysql://there/w"),
        ("TIMEZONE", "Mars/Olympus"),
        ("TIMEZONE", "Europe"),
        ("LOCALE", "xx_XX"),
        ("LOG_LEVEL", "verbose"),
        ("METER_LIMIT", -1),
        ("PROXY_HOPS", -1),
        ("CURRENCY", "EUR"),
        ("GRACE_DAYS", -1),
        ("APP_ENV", "staging"),
    ],
)
def test_one_fault_stops_it_and_is_named(name: str, value: Any) -> None:
    with pytest.raises(settings.SettingsError, match=name):
        settings.load({**GOOD, name: value})


def test_every_fault_is_named_at_once() -> None:
    faults = {
        "SECRET_KEY": "",
        "STRIPE_WEBHOOK_SECRET": "",
        "STRIPE_SECRET_KEY": "",
        "PUBLIC_URL": "http://x.example",
        "SMTP_URL": "console:",
    }
    with pytest.raises(settings.SettingsError) as error:
        settings.load({**GOOD, **faults})
    assert all(name in str(error.value) for name in faults)


def test_what_cannot_be_read_hides_no_other_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    unreadable = {
        "GRACE_DAYS": "seven",
        "STRIPE_RATE": "fast",
        "CONTRIBUTION_MINIMUM": "1,00",
        "CONTRIBUTION_SUGGESTED": "5.00,10",
        "PORT": "web",
    }
    for name, value in unreadable.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(settings.SettingsError) as error:
        settings.load({name: value for name, value in GOOD.items() if name not in unreadable} | {"SECRET_KEY": ""})
    assert all(f"- {name}" in str(error.value) for name in (*unreadable, "SECRET_KEY")), error.value


def test_two_webhook_secrets_while_rotating() -> None:
    settings.load({**GOOD, "STRIPE_WEBHOOK_SECRET": "whsec_9f8e7d6c5b4a39281706,whsec_0011223344556677"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("sqlite:////var/lib/w.db", "sqlite:////var/lib/w.db"),
        ("sqlite:///instance/w.db", f"sqlite:///{settings.ROOT}/instance/w.db"),
    ],
)
def test_database_urls(given: str, expected: str) -> None:
    assert settings.database_url(given) == expected


def test_commands_look_for_the_stand_in_where_make_run_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PORT", "12311")
    monkeypatch.setenv("STRIPE_API_BASE", "")
    assert settings.load()["STRIPE_API_BASE"] == "http://127.0.0.1:12311"
    monkeypatch.setenv("STRIPE_API_BASE", "https://api.stripe.com")
    assert settings.load()["STRIPE_API_BASE"] == "https://api.stripe.com"


def test_every_setting_is_in_the_example_file() -> None:
    import re

    def text(path: str) -> str:
        return (settings.ROOT / path).read_text()

    read = set(re.findall(r'env\.\w+\("([A-Z_]+)"', text("kit/settings.py")))
    read |= {"PORT"}  # of `make run`
    read |= set(re.findall(r'os\.environ\.get\("([A-Z_]+)"', text("kit/engine.py")))
    read |= set(re.findall(r"\$\{([A-Z_]+)", text("deploy/compose.yaml")))
    example = set(re.findall(r"^#?([A-Z_]+)=", text(".env.example"), re.MULTILINE))
    assert read == example
    assert [name for name in sorted(read) if f"`{name}`" not in text("docs/settings.md")] == []
