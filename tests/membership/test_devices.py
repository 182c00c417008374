"""What a browser says of itself, in words."""

import pytest

from membership.domain import devices

GECKO, KIT = "Mozilla/5.0 ({}; rv:145.0) Gecko/20100101 Firefox/145.0", "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {}"


@pytest.mark.parametrize(
    ("user_agent", "browser", "system"),
    [
        (GECKO.format("X11; Linux x86_64"), "Firefox", "Linux"),
        (KIT.format("Windows NT 10.0; Win64; x64", "Chrome/142.0.0.0 Safari/537.36"), "Chrome", "Windows"),
        (KIT.format("Windows NT 10.0; Win64; x64", "Chrome/142.0.0.0 Safari/537.36 Edg/142.0"), "Edge", "Windows"),
        (KIT.format("Macintosh; Intel Mac OS X 10_15_7", "Version/26.0 Safari/605.1.15"), "Safari", "Mac"),
        (KIT.format("iPhone; CPU iPhone OS 26_0 like Mac OS X", "CriOS/142.0 Mobile/15E148 Safari/604.1"), "Chrome", "iPhone"),
        (KIT.format("Linux; Android 16; K", "Chrome/142.0.0.0 Mobile Safari/537.36"), "Chrome", "Android"),
        ("curl/8.5.0", None, None),
        ("", None, None),
    ],
)
def test_a_device_in_words(user_agent: str, browser: str | None, system: str | None) -> None:
    assert devices.parts(user_agent) == (browser, system)
