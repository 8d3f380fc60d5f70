"""Units that a check can convert: how much of the first unit of its kind each is.

>>> unit_of("minutes"), UNITS["h"]
('min', ('time', Fraction(3600, 1)))
"""

from __future__ import annotations

from fractions import Fraction

_NAMES = {
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "day days",
    "week": "week weeks",
    "month": "month months",
    "year": "year years yr yrs",
    "decade": "decade decades",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "m": "m meter meters metre metres",
    "km": "km kilometer kilometers kilometre kilometres",
    "in": "inch inches",
    "ft": "ft foot feet",
    "yd": "yd yard yards",
    "mile": "mile miles",
    "mg": "mg milligram milligrams",
    "g": "g gram grams",
    "kg": "kg kilogram kilograms kilo kilos",
    "tonne": "tonne tonnes",
    "oz": "oz ounce ounces",
    "lb": "lb lbs pound pounds",
    "ml": "ml milliliter milliliters millilitre millilitres",
    "l": "l liter liters litre litres",
    "cup": "cup cups",
    "pint": "pint pints",
    "quart": "quart quarts",
    "gallon": "gallon gallons",
    "¢": "¢ cent cents penny pennies p",
    "nickel": "nickel nickels",
    "dime": "dime dimes",
    "quarter": "quarter quarters",
    "$": "$ € £ dollar dollars euro euros",
    "kb": "kb",
    "mb": "mb",
    "gb": "gb",
    "tb": "tb",
    "wh": "wh",
    "kwh": "kwh",
    "mwh": "mwh",
    "ma": "ma",
    "amp": "amp amps ampere amperes",
    "hz": "hz",
    "khz": "khz",
    "mhz": "mhz",
    "ten": "ten tens",
    "pair": "pair pairs couple couples",
    "single": "single singles",
    "one": "one ones",
    "dozen": "dozen dozens",
}

UNITS: dict[str, tuple[str, Fraction]] = {
    **{name: ("time", Fraction(seconds)) for name, seconds in {"s": 1, "min": 60, "h": 3600, "d": 86400, "week": 604800}.items()},
    **{name: ("months", Fraction(months)) for name, months in {"month": 1, "year": 12, "decade": 120}.items()},
    **{name: ("length", Fraction(mm)) for name, mm in {"mm": 1, "cm": 10, "m": 1000, "km": 1_000_000}.items()},
    **{name: ("feet", Fraction(inches)) for name, inches in {"in": 1, "ft": 12, "yd": 36, "mile": 63360}.items()},
    **{name: ("mass", Fraction(mg)) for name, mg in {"mg": 1, "g": 1000, "kg": 1_000_000, "tonne": 10**9}.items()},
    **{name: ("pounds", Fraction(ounces)) for name, ounces in {"oz": 1, "lb": 16}.items()},
    **{name: ("litres", Fraction(ml)) for name, ml in {"ml": 1, "l": 1000}.items()},
    **{name: ("cups", Fraction(cups)) for name, cups in {"cup": 1, "pint": 2, "quart": 4, "gallon": 16}.items()},
    **{name: ("money", Fraction(cents)) for name, cents in {"¢": 1, "nickel": 5, "dime": 10, "quarter": 25, "$": 100}.items()},
    **{name: ("data", Fraction(kb)) for name, kb in {"kb": 1, "mb": 1000, "gb": 10**6, "tb": 10**9}.items()},
    **{name: ("energy", Fraction(wh)) for name, wh in {"wh": 1, "kwh": 1000, "mwh": 10**6}.items()},
    **{name: ("current", Fraction(ma)) for name, ma in {"ma": 1, "amp": 1000}.items()},
    **{name: ("frequency", Fraction(hz)) for name, hz in {"hz": 1, "khz": 1000, "mhz": 10**6}.items()},
    **{name: ("count", Fraction(pieces)) for name, pieces in {"one": 1, "single": 1, "pair": 2, "ten": 10, "dozen": 12}.items()},
}
"""Unit -> what it measures, and how many of the smallest of its kind it holds."""

_UNIT_OF = {word: unit for unit, words in _NAMES.items() for word in words.split()}


def unit_of(word: str) -> str:
    """The unit that ``word`` names, "" for any other word."""
    return _UNIT_OF.get(word.casefold().rstrip("."), "")
