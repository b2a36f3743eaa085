"""The words titles and tags are made of, and the shares of countries, segments and languages."""

from typing import Final

TOPICS: Final = {
    "Tech": (
        "edge computing", "open-source databases", "battery technology", "passkeys",
        "event streaming", "home servers", "chip design", "robotics", "code review",
        "quantum networking", "browser engines", "incident response",
    ),
    "Lifestyle": (
        "slow travel", "small-space living", "capsule wardrobes", "night trains",
        "balcony gardening", "weekend baking", "analogue photography", "minimalism",
        "neighbourhood markets", "cabin weekends", "second-hand furniture", "tea rituals",
    ),
    "Business": (
        "remote hiring", "family companies", "supply chains", "subscription pricing",
        "four-day weeks", "customer interviews", "mergers", "succession planning",
        "product launches", "office leases", "procurement", "franchising",
    ),
    "Health": (
        "sleep debt", "strength training", "gut bacteria", "migraine", "hay fever",
        "running injuries", "mental load", "vaccination", "healthy ageing", "back pain",
        "school lunches", "cold-water swimming",
    ),
    "Finance": (
        "index funds", "mortgage rates", "pension gaps", "emergency funds", "inflation",
        "currency hedging", "green bonds", "tax returns", "student loans", "credit scores",
        "household budgets", "dividend investing",
    ),
    "Entertainment": (
        "streaming series", "festival season", "video game scores", "stand-up comedy",
        "documentary film", "vinyl records", "board games", "animated features",
        "podcast drama", "film restoration", "karaoke", "theatre revivals",
    ),
}  # fmt: skip

TAGS: Final = {
    "Tech": ("software", "hardware", "ai", "security", "cloud", "open-source", "gadgets"),
    "Lifestyle": ("travel", "home", "food", "style", "garden", "minimalism", "weekend"),
    "Business": ("startups", "leadership", "strategy", "hiring", "retail", "logistics", "growth"),
    "Health": ("fitness", "nutrition", "sleep", "mind", "prevention", "research", "family"),
    "Finance": ("investing", "saving", "markets", "tax", "housing", "pensions", "crypto"),
    "Entertainment": ("film", "music", "games", "series", "stage", "books", "festival"),
}
COMMON_TAGS: Final = ("guide", "opinion", "interview", "data", "how-to", "news")

TITLES: Final = (
    "What {company} learned about {topic}",
    "{topic}: {number} things we got wrong",
    "The quiet return of {topic}",
    "Why {city} bets on {topic}",
    "A beginner's guide to {topic}",
    "{number} questions about {topic}, answered",
    "How {city} changed the way we think about {topic}",
    "Inside {company}: a year of {topic}",
    "{topic}: worth the trouble?",
    "The true cost of {topic}",
    "{topic}, one year on",
    "In defence of {topic}",
    "What nobody tells you about {topic}",
    "{number} charts that explain {topic}",
    "From {city}, with {topic}",
)

LANGUAGES: Final = {"en": 78, "es": 8, "de": 6, "fr": 5, "pt": 3}
SEGMENTS: Final = {"free": 58, "trial": 12, "subscriber": 25, "enterprise": 5}
COUNTRIES: Final = {
    "US": 30, "GB": 10, "DE": 9, "IN": 9, "FR": 6, "BR": 5, "ES": 5, "CA": 4, "AU": 3, "IT": 3,
    "NL": 3, "MX": 3, "PL": 2, "JP": 2, "AT": 2, "CH": 2, "SE": 1, "NP": 1, "KR": 1, "ZA": 1,
}  # fmt: skip
