import io

from rich.console import Console

from engage.embedded.progress import shown


def test_off_a_terminal_a_step_is_a_few_plain_lines() -> None:
    output = io.StringIO()

    with shown(Console(file=output, width=80)) as report:
        for percent in range(101):
            report("jars", percent / 100, f"{percent} MB")

    assert output.getvalue().splitlines() == [
        "jars: 0% 0 MB",
        "jars: 25% 25 MB",
        "jars: 50% 50 MB",
        "jars: 75% 75 MB",
        "jars: 100% 100 MB",
    ]


def test_on_a_terminal_a_step_is_a_bar() -> None:
    output = io.StringIO()

    with shown(Console(file=output, width=80, force_terminal=True)) as report:
        report("jars", 0.5, "20 MB")

    assert "jars" in output.getvalue()
    assert "━" in output.getvalue()
