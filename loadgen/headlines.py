"""Headlines: patterns over subjects, readers and events of each category.

The number of a post chooses a pattern and its words. All combinations come in turn, in a scattered
order, so that hardly any headline repeats.
"""

from bisect import bisect_right
from itertools import accumulate, count
from math import gcd, prod
from typing import Final

_SUBJECTS: Final = {
    "Tech": (
        "home batteries", "passkeys", "open-source databases", "smart meters", "electric vans",
        "broadband contracts", "browser extensions", "refurbished phones", "data centres",
        "hearing-aid apps", "school tablets", "delivery robots", "password managers",
        "satellite internet", "doorbell cameras", "digital ID cards", "chip factories",
        "translation apps", "cloud backups", "repair cafés", "bus-lane cameras", "e-bike recalls",
        "undersea cables", "video calls", "heat-pump controls", "emergency alerts",
    ),
    "Lifestyle": (
        "night trains", "allotment gardens", "small kitchens", "slow travel", "second-hand coats",
        "weekend baking", "balcony plants", "swimming lakes", "wedding budgets", "campsite rules",
        "neighbourhood markets", "house plants", "packed lunches", "bicycle holidays",
        "vintage furniture", "flat shares", "family recipes", "tea rooms", "winter hiking",
        "dog parks", "community choirs", "mending circles", "sourdough starters", "picnic spots",
        "paint colours", "board-game nights",
    ),
    "Business": (
        "four-day weeks", "office leases", "family firms", "supply chains", "parcel lockers",
        "high-street rents", "job adverts", "shop closures", "apprenticeships", "trade fairs",
        "subscription prices", "warehouse shifts", "late payments", "business rates",
        "staff canteens", "craft breweries", "cargo ports", "company pensions", "food wholesalers",
        "start-up grants", "hotel bookings", "call centres", "remote hiring", "factory orders",
        "airport slots", "union talks",
    ),
    "Health": (
        "hay fever", "sleep clinics", "back pain", "migraine treatment", "strength training",
        "school dinners", "waiting lists", "home care", "cold-water swimming", "blood donation",
        "running injuries", "dental check-ups", "vaccination centres", "hearing loss",
        "night-shift rosters", "salt reduction", "midwife visits", "pharmacy hours", "knee surgery",
        "mental-health apps", "allergy labels", "ambulance times", "care-home fees", "eye tests",
        "walking groups", "stroke units",
    ),
    "Finance": (
        "mortgage rates", "index funds", "pension gaps", "emergency savings", "student loans",
        "energy bills", "rent deposits", "credit scores", "green bonds", "tax returns",
        "car insurance", "household budgets", "savings accounts", "inheritance tax",
        "bank branches", "card fees", "child benefits", "council tax", "currency exchange",
        "dividend shares", "fixed-rate deals", "funeral plans", "home insurance", "late fees",
        "overdrafts", "payday loans",
    ),
    "Entertainment": (
        "festival tickets", "streaming prices", "stand-up clubs", "film restoration",
        "concert halls", "podcast drama", "vinyl records", "board games", "open-air cinemas",
        "theatre revivals", "quiz shows", "video-game scores", "museum nights", "book fairs",
        "jazz cellars", "school orchestras", "dance classes", "comic shops", "radio plays",
        "award shows", "karaoke bars", "puppet theatres", "reunion tours", "local bands",
        "crime series", "summer musicals",
    ),
}  # fmt: skip

_READERS: Final = {
    "Tech": (
        "small firms", "parents", "commuters", "schools", "developers", "older users",
        "freelancers", "landlords", "cyclists", "hospitals", "town halls", "repairers",
    ),
    "Lifestyle": (
        "young families", "renters", "weekend travellers", "retired couples", "students",
        "gardeners", "first-time buyers", "newcomers", "night owls", "cyclists", "neighbours",
        "home cooks",
    ),
    "Business": (
        "small firms", "suppliers", "shopkeepers", "apprentices", "exporters", "landlords",
        "founders", "commuters", "unions", "family firms", "freelancers", "town halls",
    ),
    "Health": (
        "patients", "carers", "nurses", "parents", "runners", "pharmacists", "shift workers",
        "older people", "family doctors", "schools", "employers", "first-time mothers",
    ),
    "Finance": (
        "savers", "first-time buyers", "pensioners", "renters", "students", "freelancers",
        "young families", "landlords", "commuters", "small investors", "borrowers", "couples",
    ),
    "Entertainment": (
        "fans", "venues", "musicians", "young audiences", "families", "promoters", "critics",
        "collectors", "newcomers", "schools", "volunteers", "neighbours",
    ),
}  # fmt: skip

_EVENTS: Final = {
    "Tech": (
        "the network outage", "the new privacy law", "the chip shortage", "the price increase",
        "the patent ruling", "the security breach", "the merger", "the pilot project",
        "the recall", "the subsidy cut", "the annual report", "the court decision",
        "the software update", "the regulator's warning", "the record heat",
    ),
    "Lifestyle": (
        "the heatwave", "the summer holidays", "the rail strike", "the first frost",
        "the rent increase", "the new timetable", "the long weekend", "the flood",
        "the school break", "the city survey", "the planning vote", "the harvest",
        "the rainy summer", "the price increase", "the spring fair",
    ),
    "Business": (
        "the rate decision", "the wage deal", "the merger", "the tariff dispute", "the strike",
        "the annual report", "the budget", "the election", "the rail closure", "the fraud case",
        "the price increase", "the new labour law", "the harbour blockade", "the insolvency",
        "the Christmas season",
    ),
    "Health": (
        "the flu season", "the budget cuts", "the nurses' strike", "the new guideline",
        "the heatwave", "the hospital merger", "the long-term study", "the shortage",
        "the inspection report", "the pandemic", "the reform", "the clinic closure",
        "the price increase", "the recall", "the awareness week",
    ),
    "Finance": (
        "the rate decision", "the budget", "the bank merger", "the tax reform",
        "the inflation figures", "the court ruling", "the price increase", "the stock-market slide",
        "the election", "the new fee cap", "the pension review", "the housing report",
        "the wage deal", "the fraud wave", "the year-end deadline",
    ),
    "Entertainment": (
        "the award season", "the strike", "the festival summer", "the funding cut", "the premiere",
        "the copyright ruling", "the reopening", "the farewell tour", "the ticket scandal",
        "the anniversary", "the heatwave", "the price increase", "the new licence fee",
        "the long renovation", "the streaming merger",
    ),
}  # fmt: skip

_QUOTES: Final = (
    "Nobody asked us", "We plan from week to week", "It has to work on a Monday",
    "The numbers do not lie", "We would do it again", "It was never about money",
    "Trust takes years", "Start small, then check", "There is no plan B", "We were too slow",
)  # fmt: skip

_NUMBERS: Final = ("Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")

_PATTERNS: Final = (
    "{subject} after {event}: what {readers} can expect",
    "{readers} and {subject}: who pays after {event}",
    "{subject}: what {readers} should know before {event}",
    "After {event}, {readers} turn to {subject}",
    "How {event} brought {readers} to {subject}",
    "Why {readers} are rethinking {subject} after {event}",
    "{readers} count the cost of {subject} since {event}",
    "Opinion: after {event}, {readers} deserve better {subject}",
    "Ahead of {event}: {readers} on {subject}",
    "Beyond {event}: how {readers} see {subject}",
    "“{quote}”: {readers} on {subject}",
    "{number} mistakes {readers} make with {subject}",
    "{number} questions about {subject} after {event}",
    "{number} lessons for {readers} from {event}",
    "Explained: {subject} and {event}",
    "What {event} means for {subject}",
    "How {event} changed {subject}",
    "{subject} after {event}: the figures",
    "{subject}: a guide for {readers}",
)


class _Space:
    """All headlines of a category, by pattern, with the words of its places."""

    def __init__(self, category: str) -> None:
        words = {
            "subject": _SUBJECTS[category],
            "readers": _READERS[category],
            "event": _EVENTS[category],
            "quote": _QUOTES,
            "number": _NUMBERS,
        }
        self._patterns = [
            (pattern, {name: words[name] for name in words if f"{{{name}}}" in pattern})
            for pattern in _PATTERNS
        ]
        self._ends = list(accumulate(prod(map(len, each.values())) for _, each in self._patterns))
        self._step = next(
            step for step in count(int(self.size * 0.618)) if gcd(step, self.size) == 1
        )

    @property
    def size(self) -> int:
        return self._ends[-1]

    def headline(self, number: int) -> str:
        place = number * self._step % self.size
        which = bisect_right(self._ends, place)
        pattern, words = self._patterns[which]
        chosen = {}
        for name, choices in words.items():
            place, at = divmod(place, len(choices))
            chosen[name] = choices[at]
        text = pattern.format(**chosen)
        return text[0].upper() + text[1:]


_SPACES: Final = {category: _Space(category) for category in _SUBJECTS}


def headline(category: str, number: int) -> str:
    """Return the headline of the post with this number; 50,000 in a row differ from each other."""
    return _SPACES[category].headline(number)
