"""What must not be in a report that everybody reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visionlaw.doctor.privacy import censor, is_secret

PASSWORDS = st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda text: "*" not in text
)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("USERPROFILE", "/home/ada")
    return "/home/ada"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/home/ada", "~"),
        ("'/home/ada/x y/z' is full", "'~/x y/z' is full"),
        ("/home/ada/a:/home/ada/b", "~/a:~/b"),
        ("file:///home/ada/x", "file://~/x"),
        ("/home/ada2/x", "/home/ada2/x"),
        ("/home/ada.bak/x", "/home/ada.bak/x"),
        ("/mnt/home/ada/x", "/mnt/home/ada/x"),
        ("/home/grace", "/home/grace"),
    ],
)
def test_the_home_folder_is_a_tilde_and_others_stay(home: str, text: str, clean: str) -> None:
    assert censor()(text) == clean


def test_the_home_folder_behind_a_link_is_known_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "ada").symlink_to(tmp_path / "volume")
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    assert censor()(f"{tmp_path}/ada/x {tmp_path}/volume/x") == "~/x ~/x"


def test_a_home_that_is_the_root_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    assert censor()("/usr/bin") == "/usr/bin"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PASSWORDS)
def test_no_password_of_a_url_is_left(password: str) -> None:
    for url in (
        f"postgresql+psycopg://ada:{password}@db.example.org/laws",
        f"postgresql//ada:{password}@db.example.org",
    ):
        clean = censor()(f"The store '{url}' cannot be opened.")
        assert clean.startswith("The store 'postgresql")
        assert ":***@db.example.org" in clean
        assert password not in clean.replace("The store '", "").split("@")[0].split("ada:")[1].replace("***", "")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://hf_abcdef@hub.example.org/x", "https://***@hub.example.org/x"),
        ("ada:s3cret/s@proxy.example.org:3128", "ada:***@proxy.example.org:3128"),
        ("absent: clip/vit-l-14@224, clip/vit-l-14@336", "absent: clip/vit-l-14@224, clip/vit-l-14@336"),
        # As sqlalchemy writes a URL whose password held ':', '/' and '@'.
        ("postgresql://ada:***@ss/w%3Aord%40db.example.org/x", "postgresql://ada:***@db.example.org/x"),
        (
            "postgresql://db/laws?user=ada&password=pw&sslmode=on",
            "postgresql://db/laws?user=ada&password=***&sslmode=on",
        ),
        ("postgresql://ada@db/laws", "postgresql://ada@db/laws"),
        ("see https://pytorch.org/get-started/locally", "see https://pytorch.org/get-started/locally"),
        ("clip/vit-l-14@224: 3 of 4", "clip/vit-l-14@224: 3 of 4"),
    ],
)
def test_secrets_within_urls(text: str, clean: str) -> None:
    assert censor()(text) == clean


def test_the_value_of_a_secret_variable_is_found_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_AbC.+123")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")
    monkeypatch.setenv("MY_API_KEY", "x")
    assert censor()("it said: hf_AbC.+123 /tmp/agent x") == "it said: *** /tmp/agent x"


def test_names_of_secrets() -> None:
    assert all(map(is_secret, ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "VISIONLAW_PASSWORD", "hf_secret", "X_API_KEY")))
    assert not any(
        map(
            is_secret,
            ("HF_HOME", "TOKENIZERS_PARALLELISM", "GIT_AUTHOR_NAME", "VISIONLAW_STORE", "CUDA_VISIBLE_DEVICES"),
        )
    )
