# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # An analyst's tour
#
# What the read API answers, what lies under it, and how to check one with the other. Run it
# against a stack of your own: `make notebook` starts one, fills it and executes this; or open it
# in Jupyter with `ENGAGE_DIR` set to the folder of a stack that `engage up` keeps.
#
# It needs pandas, matplotlib and psycopg (`requirements/notebook.lock`), and nothing of this
# project: two functions are all that an analyst needs.

# %%
import json
import os
import re
import urllib.parse
import urllib.request
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psycopg

stack = json.loads((Path(os.environ.get("ENGAGE_DIR", ".engage")) / "stack.json").read_text())
BLUE, GREY = "#0072B2", "#8C8F97"
plt.rcParams.update(
    {
        "figure.figsize": (9, 3.6),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#E4E1DA",
    }
)


def report(path: str, **parameters: object) -> pd.DataFrame:
    """Ask the read API; a report is a table."""
    query = urllib.parse.urlencode({name: str(value) for name, value in parameters.items()})
    request = urllib.request.Request(
        f"{stack['api_url']}{path}?{query}",
        headers={"Authorization": f"Bearer {stack['read_key']}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    return pd.DataFrame(found) if isinstance(found, list) else pd.json_normalize(found)


def ask(statement: str, **values: object) -> pd.DataFrame:
    """Ask PostgreSQL, with parameters as plain psql has them: ``:name`` or ``:'name'``."""
    text = re.sub(r"(?<![:\w]):'?([a-z_]\w*)'?", r"%(\1)s", statement.replace("%", "%%"))
    with psycopg.connect(stack["database_url"]) as connection:
        cursor = connection.execute(text, values)
        columns = [column.name for column in cursor.description or ()]
        return pd.DataFrame(cursor.fetchall(), columns=columns)


def question(name: str, **values: object) -> pd.DataFrame:
    """Ask one of the files in sql/, as the API does."""
    folder = next(f for f in [Path.cwd(), *Path.cwd().parents] if (f / "sql").is_dir())
    return ask((folder / "sql" / f"{name}.sql").read_text(), **values)


# %% [markdown]
# ## How much, and how does it go?
#
# Each report takes the same `period`, `tz` and filters. The period before comes along, so that a
# rise can be distinguished from a habit.

# %%
overview = report("/reports/overview", period="30d", tz="UTC").T
overview

# %%
series = report("/reports/series", period="30d", tz="UTC", interval="day")
days = pd.to_datetime(series["start"]).dt.date
fig, axes = plt.subplots()
axes.fill_between(days[:-1], series["total_engagements"][:-1], color=BLUE, alpha=0.12)
axes.plot(days[:-1], series["total_engagements"][:-1], color=BLUE, label="this period")
axes.plot(
    days[:-1], series["previous_engagements"][:-1], color=GREY, ls="--", label="the one before"
)
axes.set(title="Engagements a day (today left out: it is not over)", ylim=0)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Few posts earn most of it
#
# Engagement has a long tail: averages mislead, medians are often 0 or 1. It is why the fair
# reports compare posts at equal age and draw small samples towards their category.

# %%
stats = ask("SELECT total_engagements FROM engagement_stats WHERE total_engagements > 0")
earned = stats["total_engagements"].astype(int).sort_values(ascending=False).to_numpy()
share = earned.cumsum() / earned.sum()
fig, (tail, lorenz) = plt.subplots(1, 2, figsize=(11, 3.6))
tail.loglog(earned, np.arange(1, len(earned) + 1), color=BLUE)
tail.set(title="Posts by minimum number of engagements", xlabel="engagements", ylabel="posts")
lorenz.plot(np.arange(1, len(earned) + 1) / len(earned), share, color=BLUE)
lorenz.set(title="Share of all engagement", xlabel="share of the posts, best first", ylim=(0, 1))
plt.show()
print(f"the best tenth of the posts earn {share[len(earned) // 10]:.0%} of the engagement")

# %% [markdown]
# ## Who is good, once luck and age are taken out?
#
# `index` is what an author's posts earn in their first 48 hours, as a multiple of what posts of
# the same categories earn at that age. The line is the 95 % interval.

# %%
authors = report("/reports/fair-authors", period="90d", hours=48, limit=25)
place = np.arange(len(authors))[::-1]
fig, axes = plt.subplots(figsize=(9, 6))
axes.hlines(place, authors["low"], authors["high"], color=BLUE, alpha=0.5, lw=3)
axes.plot(authors["index"], place, "o", color=BLUE)
axes.axvline(1, color=GREY, lw=1)
axes.set(
    yticks=place, yticklabels=authors["author_name"], title="Authors at equal age; 1 is the mean"
)
plt.show()

# %% [markdown]
# ## When to publish, compared with when readers engage
#
# Left: engagement by hour. Right: engagement of posts by their hour of publication, compared with
# other posts of the same authors; colours mark intervals that are on one side of 0.

# %%
patterns = report("/analytics/engagement-patterns", tz="UTC")
slots = report("/reports/when-to-post", tz="UTC")
week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def grid(rows: pd.DataFrame, value: str) -> np.ndarray:
    """Lay rows out as weekdays from Monday on by hours."""
    found = np.full((7, 24), np.nan)
    found[(rows["day_of_week"] - 1) % 7, rows["hour_of_day"]] = rows[value]
    return found


clear = slots.assign(lift=slots["lift_pct"].where(slots["verdict"].isin(["good", "weak"])))
fig, (left, right) = plt.subplots(1, 2, figsize=(13, 3.2))
left.imshow(np.log1p(grid(patterns, "engagements_per_hour")), cmap="Blues", aspect="auto")
most = max(1.0, clear["lift"].abs().max())
right.imshow(grid(clear, "lift"), cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
for axes, title in (
    (left, "Engagements per hour (log scale)"),
    (right, "Lift of publishing then, if clear"),
):
    axes.set(title=title, yticks=range(7), yticklabels=week, xticks=range(0, 24, 3))
    axes.grid(visible=False)
plt.show()

# %% [markdown]
# ## Features that correlate with engagement
#
# No causes: posts may differ in more than the feature. `engage experiment` finds causes.

# %%
effects = report("/reports/effects", period="90d").head(12).iloc[::-1]
fig, axes = plt.subplots(figsize=(9, 4))
colors = np.where(effects["is_clear"], BLUE, GREY)
axes.hlines(effects["feature"], effects["low_pct"], effects["high_pct"], color=colors, lw=3)
axes.scatter(effects["lift_pct"], effects["feature"], color=colors, zorder=3)
axes.axvline(0, color=GREY, lw=1)
axes.set(title="Lift in the first 48 hours, percent")
plt.show()

# %% [markdown]
# ## Check it
#
# Each number of the API is the answer of one file in `sql/`, and can be recounted from the raw
# events. Here the 30 days up to yesterday are, by a statement that shares nothing with the API.

# %%
yesterday = pd.Timestamp.now("UTC").date() - pd.Timedelta(days=1)
month = {"start": yesterday - pd.Timedelta(days=29), "end": yesterday, "tz": "UTC"}
overview = report("/reports/overview", **month).iloc[0]
raw = ask(
    """
    SELECT count(*) AS total, count(DISTINCT e.post_id) AS posts, count(DISTINCT e.user_id) AS users
      FROM engagements AS e JOIN posts AS p ON p.post_id = e.post_id
     WHERE e.engaged_timestamp >= :'start' AND e.engaged_timestamp < :'end'
    """,
    start=overview["start"],
    end=overview["end"],
).iloc[0]
assert raw["total"] == overview["current.total_engagements"]
assert raw["posts"] == overview["current.posts_engaged"]
assert raw["users"] == overview["current.active_users"]
raw

# %% [markdown]
# The ledger accounts for every record of the topic: what was read is stored, a duplicate, a dead
# letter or skipped.

# %%
ledger = report("/ops/ledger").iloc[0]
partitions = pd.DataFrame(ledger["partitions"]).set_index("partition")
read = partitions["next_offset"] - partitions["first_offset"]
assert (read == partitions[["stored", "duplicates", "dead_lettered", "skipped"]].sum(axis=1)).all()
assert ledger["balanced"]
partitions[["stored", "duplicates", "dead_lettered", "skipped", "in_flight"]]

# %% [markdown]
# And a file of `sql/` gives in psycopg what the API gives: the best posts of the last five
# minutes.

# %%
moment = pd.Timestamp.now("UTC")
question("live_posts", since=moment - pd.Timedelta(minutes=5), until=moment, limit=5)
