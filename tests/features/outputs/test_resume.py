from __future__ import annotations

from pathlib import Path

import pytest

from visionlaw.errors import DataError
from visionlaw.features.outputs import Header, open_output, read_output
from visionlaw.features.results import Quarantined

BAD = (0, 3, 4, 5)


def test_two_runs_in_two_folders_write_the_same_bytes(tmp_path: Path, form, header, items, run, content) -> None:
    for name in ("one", "another/below"):
        run(tmp_path / name, form, header, items(11, header, BAD))
    one = content(tmp_path / "one")
    assert one == content(tmp_path / "another/below")
    assert str(tmp_path).encode() not in b"".join(one.values())


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, form, header, items, run, content) -> None:
    stream = items(11, header, BAD)
    run(tmp_path / "whole", form, header, stream)
    with open_output(tmp_path / "part", form, header) as output:
        output.write(stream[:3])
        output.write(stream[3:6])
    with open_output(tmp_path / "part", form, header) as output:
        assert output.finished == 6
        assert [output.check(position, item.name) for position, item in enumerate(stream)] == [True] * 6 + [False] * 5
    assert run(tmp_path / "part", form, header, stream) == 2
    assert content(tmp_path / "part") == content(tmp_path / "whole")
    assert run(tmp_path / "part", form, header, stream) == 0
    assert content(tmp_path / "part") == content(tmp_path / "whole")


@pytest.mark.parametrize("loss", ["cut short", "missing", "index cut short", "index missing"])
def test_a_part_that_was_lost_is_written_again(tmp_path: Path, form, header, items, run, content, loss) -> None:
    stream = items(11, header)
    run(tmp_path, form, header, stream)
    whole = content(tmp_path)
    data = tmp_path / ("features.zarr/tokens/c.1.0.0" if form == "zarr" else f"part-000001.{form}")
    path = tmp_path / "part-000001.json" if "index" in loss else data
    if "missing" in loss:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"part-000001|c\.1\.0\.0"):
        list(read_output(tmp_path))
    assert run(tmp_path, form, header, stream) == 3
    assert content(tmp_path) == whole


def test_what_no_part_refers_to_does_not_stay(tmp_path: Path, form, header, items, run, content, feed) -> None:
    run(tmp_path / "short", form, header, items(3, header))
    with open_output(tmp_path / "out", form, header) as output:
        feed(output, items(9, header))
    (tmp_path / "out" / "part-000001.json").unlink()
    (tmp_path / "out" / ".writing-0123456789abcdef").write_bytes(b"half a fi")
    run(tmp_path / "out", form, header, items(3, header))
    assert content(tmp_path / "out") == content(tmp_path / "short")


def test_a_changed_input_is_refused(tmp_path: Path, form, header, items, feed) -> None:
    stream = items(8, header)
    with open_output(tmp_path, form, header) as output:
        feed(output, stream[:6])
    renamed = [*stream[:4], Quarantined("photos/other.jpg", "It is gone."), *stream[5:]]
    with open_output(tmp_path, form, header) as output:
        with pytest.raises(DataError, match=r"image 4 is 'photos/other\.jpg', and .* holds 'photos/004\.jpg'"):
            feed(output, renamed)
        with pytest.raises(DataError, match=r"it has 5 images, and .* holds 6"):
            output.complete(5)


@pytest.mark.parametrize("count", [6, 8])
def test_an_input_that_has_grown_since_the_end_is_refused(tmp_path, form, header, items, run, content, count) -> None:
    run(tmp_path, form, header, items(count, header))
    before = content(tmp_path)
    with pytest.raises(DataError, match=f"finished with {count} images, and the input goes on with 'photos/00{count}"):
        run(tmp_path, form, header, items(count + 1, header))
    with (
        open_output(tmp_path, form, header) as output,
        pytest.raises(DataError, match=f"finished with {count} images"),
    ):
        output.write(items(1, header))
    assert content(tmp_path) == before


def test_no_part_follows_a_short_one(tmp_path: Path, form, header, items) -> None:
    stream = items(8, header)
    with open_output(tmp_path, form, header) as output:
        output.write(stream[:2])
        with pytest.raises(DataError, match="finished with 2 images"):
            output.write(stream[2:5])


def test_a_part_has_neither_too_many_images_nor_none(tmp_path: Path, header: Header, items) -> None:
    with open_output(tmp_path, "npy", header) as output:
        for wrong in ([], items(4, header)):
            with pytest.raises(ValueError, match="1 to 3 images"):
                output.write(wrong)
        assert output.finished == 0
