"""What a project says of its app, and what may be changed of its configuration."""

import pytest

from zk0.core.app_subject import APP
from zk0.core.errors import ConfigurationError, InputError
from zk0.core.project import Project
from zk0.federation.own_app.declaration import MU, ROUNDS, own_app, settings_for

NOTHING = {"rounds": None, "mu": None, "seed": None, "given": ()}


def declared(root, text):
    components = '[tool.flwr.app.components]\nserverapp = "arm.server:app"\nclientapp = "arm.client:app"\n'
    (root / "pyproject.toml").write_text(components + text)
    return own_app(Project(root))


def test_nested_tables_are_flat_keys_as_flower_has_them(tmp_path):
    app = declared(tmp_path, "[tool.flwr.app.config]\nname = 'a'\n[tool.flwr.app.config.fit]\nlocal-epochs = 2\n")

    assert app.config == {"name": "a", "fit.local-epochs": 2}
    assert app.clients == 2


def test_a_project_without_an_app_or_with_zk0_s_has_none_of_its_own(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'arm'\n")
    assert own_app(Project(tmp_path)) is None

    names = "".join(f'{kind} = "{name}"\n' for kind, name in APP.items())
    (tmp_path / "pyproject.toml").write_text(f"[tool.flwr.app.components]\n{names}")
    assert own_app(Project(tmp_path)) is None


def test_a_server_without_a_client_is_refused(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.flwr.app.components]\nserverapp = "arm.server:app"\n')

    with pytest.raises(ConfigurationError, match="names no clientapp"):
        own_app(Project(tmp_path))


@pytest.mark.parametrize(
    ("config", "rounds", "mu"),
    [
        ("num-server-rounds = 3\nproximal_mu = 0.1", "num-server-rounds", "proximal_mu"),
        ("num_rounds = 3\nmu = 0.1\nproximal-mu = 0.2", "num_rounds", "proximal-mu"),
        ("[tool.flwr.app.config.fit]\nnum-server-rounds = 3\nmu = 1.0", "fit.num-server-rounds", "fit.mu"),
        ("[tool.flwr.app.config.algorithm]\nmu = 1.0\n[tool.flwr.app.config.dataset]\nmu = 1.0", None, None),
        ("learning-rate = 0.1\nmusic = 1", None, None),
    ],
    ids=["flower", "the-better-name", "nested", "two-of-one-name", "none"],
)  # fmt: skip
def test_rounds_and_mu_are_given_under_the_app_s_own_keys_or_not_at_all(tmp_path, config, rounds, mu):
    app = declared(tmp_path, f"[tool.flwr.app.config]\n{config}\n")

    assert (app.key_of(ROUNDS), app.key_of(MU)) == (rounds, mu)
    changed, left_out = settings_for(app, rounds=5, mu=0.5, seed=None, given=())
    assert changed == {key: value for key, value in ((rounds, 5), (mu, 0.5)) if key}
    assert len(left_out) == 2 - len(changed)


def test_values_are_read_as_toml_and_have_the_type_of_those_they_replace(tmp_path):
    app = declared(tmp_path, "[tool.flwr.app.config]\nrate = 0.1\nname = 'a'\nfast = false\nsteps = 3\n")
    given = ("rate=1", "name=two words", "fast=true", "steps = 4")

    changed, _ = settings_for(app, **{**NOTHING, "given": given})

    assert changed == {"rate": 1.0, "name": "two words", "fast": True, "steps": 4}
    assert type(changed["rate"]) is float


@pytest.mark.parametrize(
    ("given", "said"), [("stepz=4", "did you mean steps?"), ("steps=many", "steps=3"), ("steps=true", "steps=3")]
)
def test_a_key_that_the_app_has_not_or_another_type_is_refused(tmp_path, given, said):
    app = declared(tmp_path, "[tool.flwr.app.config]\nsteps = 3\n")

    with pytest.raises(InputError) as refused:
        settings_for(app, **{**NOTHING, "given": (given,)})
    assert said in refused.value.remedy


def test_the_clients_are_those_of_the_default_federation_where_it_names_them(tmp_path):
    text = '[tool.flwr.federations]\ndefault = "here"\n[tool.flwr.federations.here]\noptions.num-supernodes = 12\n'

    assert declared(tmp_path, text).clients == 12
