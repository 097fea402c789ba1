"""The model repository that the init container lays out."""

import json

import pytest

from glm_operator.api.model_files import files_hash
from glm_operator.repository_init.layout import RepositoryError, lay_out, read_plan
from glm_operator.resources.model_config import parse_config


@pytest.fixture
def folders(tmp_path):
    for name in ("plan", "source", "target"):
        (tmp_path / name).mkdir()
    return tmp_path


def run(folders, layout, models, ensembles=()):
    for name in (*(m["name"] for m in models), *ensembles):
        (folders / "plan" / f"{name}.config.pbtxt").write_text(f'name: "{name}"')
    plan = {"layout": layout, "models": models, "ensembles": list(ensembles)}
    (folders / "plan" / "repository.json").write_text(json.dumps(plan))
    read = read_plan(folders / "plan")
    return lay_out(read, folders / "plan", folders / "source", folders / "target")


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


REQUIRED = {"name": "a", "required": True}
OPTIONAL = {"name": "b", "required": False}


def test_keys_of_a_config_map_become_files(folders):
    (folders / "source" / "..data").mkdir()
    (folders / "source" / "..data" / "model").write_text("x")
    for key in ("a.1.model.onnx", "a.2.model.onnx", "other.1.model.py", "a.readme", "a.1...", "a.1..", "a.x.model"):
        (folders / "source" / key).write_text(key)
    run(folders, "ConfigMapKeys", [REQUIRED])
    assert tree(folders / "target") == ["a/1/model.onnx", "a/2/model.onnx", "a/config.pbtxt"]


def test_folders_are_linked_and_the_generated_configuration_wins(folders):
    (folders / "source" / "a" / "1").mkdir(parents=True)
    (folders / "source" / "a" / "1" / "model.plan").write_text("weights")
    (folders / "source" / "a" / "config.pbtxt").write_text("the user's")
    run(folders, "Folders", [REQUIRED])
    assert (folders / "target/a/1/model.plan").read_text() == "weights"
    assert (folders / "target/a/config.pbtxt").read_text() == 'name: "a"'


def test_the_configuration_tells_which_files_were_really_laid_out(folders):
    (folders / "source" / "a.1.model.py").write_text("code")
    run(folders, "ConfigMapKeys", [REQUIRED])
    config = parse_config((folders / "target/a/config.pbtxt").read_text())
    assert config.name == "a"
    assert config.parameters["glm.files"].string_value == files_hash({"1/model.py": b"code"})


def test_an_ensemble_gets_an_empty_version_folder(folders):
    (folders / "source" / "a.1.model.py").write_text("")
    run(folders, "ConfigMapKeys", [REQUIRED], ["whole"])
    assert list((folders / "target/whole/1").iterdir()) == []


def test_running_it_again_after_a_kill_gives_the_same(folders):
    (folders / "source" / "a.1.model.py").write_text("new")
    (folders / "target/a/7").mkdir(parents=True)
    (folders / "target/a/7/half").write_text("written")
    run(folders, "ConfigMapKeys", [REQUIRED])
    assert tree(folders / "target") == ["a/1/model.py", "a/config.pbtxt"]


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        pytest.param("ConfigMapKeys", "add a key such as a.1.model.onnx", id="a ConfigMap without the model's keys"),
        pytest.param("Folders", "add a/1/ with its files", id="a volume without the model's folder"),
    ],
)
def test_a_missing_required_model_is_told_with_what_to_add(folders, layout, expected):
    (folders / "source" / "else").mkdir()
    with pytest.raises(RepositoryError, match=expected) as caught:
        run(folders, layout, [REQUIRED])
    assert "else" in str(caught.value)


def test_a_missing_optional_model_does_not_keep_the_others_from_serving(folders):
    (folders / "source" / "a.1.model.py").write_text("")
    assert run(folders, "ConfigMapKeys", [REQUIRED, OPTIONAL])[1].startswith("b: no files")
