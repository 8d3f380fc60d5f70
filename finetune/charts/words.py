"""Labels and titles: listed words by topic, compounds of them, codes, and invented words.

A model that has to read must not be able to learn its labels by heart, so the vocabulary is open:
listed words are combined and altered, and a share of every picture's labels is made up of syllables.
One word in twelve is *held out* (:func:`is_held_out`): it never occurs in a training picture.
"""

from __future__ import annotations

import random
import zlib
from functools import cache

_TOPICS = {
    "Month": "January February March April May June July August September October November December",
    "Mon": "Jan Feb Mar Apr Jun Jul Aug Sep Oct Nov Dec",
    "Day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "Weekday": "Mon Tue Wed Thu Fri Sat Sun",
    "Country": (
        "France Germany Spain Italy Poland Norway Sweden Finland Denmark Iceland Ireland Portugal Greece Turkey "
        "Egypt Kenya Nigeria Ghana Morocco Chile Peru Brazil Mexico Canada Cuba Japan China India Nepal Vietnam "
        "Thailand Laos Korea Mongolia Russia Ukraine Austria Hungary Croatia Serbia Belgium Malta Cyprus Israel "
        "Jordan Iraq Iran Oman Qatar Yemen Sudan Chad Mali Niger Togo Benin Gabon Angola Zambia Malawi Rwanda "
        "Uganda Bolivia Ecuador Uruguay Colombia Panama Jamaica Haiti Fiji Samoa Tonga Australia Indonesia "
        "Malaysia Singapore Pakistan Bhutan Georgia Armenia Latvia Estonia Lithuania Romania Bulgaria Albania "
        "Slovenia Slovakia Switzerland Netherlands Luxembourg Monaco Tunisia Algeria Libya Ethiopia Somalia"
    ),
    "City": (
        "London Paris Berlin Madrid Rome Vienna Prague Warsaw Lisbon Dublin Oslo Stockholm Helsinki Athens "
        "Cairo Nairobi Lagos Accra Lima Quito Bogota Santiago Havana Toronto Boston Chicago Denver Dallas "
        "Houston Seattle Portland Miami Atlanta Detroit Phoenix Tokyo Osaka Kyoto Seoul Beijing Shanghai Delhi "
        "Mumbai Chennai Kolkata Bangkok Hanoi Manila Jakarta Sydney Perth Brisbane Melbourne Auckland "
        "Wellington Dubai Doha Riyadh Tehran Baghdad Ankara Istanbul Moscow Kiev Minsk Riga Tallinn Zurich "
        "Geneva Basel Munich Hamburg Cologne Frankfurt Leipzig Bremen Lyon Nice Marseille Bordeaux Milan Turin "
        "Naples Venice Florence Seville Porto Bergen Malmo Gdansk Krakow Zagreb Belgrade Sofia Bath York Leeds"
    ),
    "Fruit": (
        "Apple Banana Cherry Grape Lemon Lime Mango Melon Orange Papaya Peach Pear Plum Kiwi Fig Date Olive "
        "Coconut Apricot Guava Lychee Raspberry Blueberry Strawberry Pineapple Quince Pomegranate Nectarine "
        "Apples Bananas Cherries Grapes Lemons Oranges Peaches Pears Plums"
    ),
    "Vegetable": (
        "Potato Tomato Carrot Onion Garlic Leek Celery Spinach Cabbage Broccoli Pepper Pumpkin Radish Turnip "
        "Beet Kale Lettuce Cucumber Eggplant Zucchini Bean Pea Corn Mushroom Artichoke Asparagus Fennel Chard"
    ),
    "Food": (
        "Bread Butter Cheese Milk Yogurt Cream Rice Pasta Noodles Soup Salad Pizza Burger Steak Chicken Turkey "
        "Bacon Ham Sausage Egg Eggs Honey Sugar Salt Flour Oil Vinegar Cake Cookie Pie Muffin Bagel Waffle "
        "Pancake Chocolate Candy Juice Coffee Tea Water Soda Beer Wine Cider Cocoa Lentils Tofu Sushi Tacos "
        "Curry Stew Chips Nuts Almonds Walnuts Peanuts Cereal Oats Jam"
    ),
    "Animal": (
        "Dog Cat Horse Cow Pig Sheep Goat Duck Goose Hen Rabbit Mouse Rat Fox Wolf Bear Deer Moose Elk Lion "
        "Tiger Leopard Cheetah Panther Lynx Otter Beaver Badger Weasel Mole Bat Owl Eagle Hawk Falcon Crow Raven "
        "Robin Swan Crane Stork Heron Parrot Pigeon Dove Sparrow Finch Turtle Tortoise Lizard Snake Frog Toad "
        "Newt Salmon Trout Cod Tuna Shark Whale Dolphin Seal Walrus Crab Lobster Shrimp Squid Octopus Snail Bee "
        "Wasp Ant Beetle Moth Spider Camel Llama Zebra Giraffe Elephant Rhino Hippo Monkey Gorilla Koala "
        "Kangaroo Panda Cats Dogs Birds Fish Horses Cows"
    ),
    "Plant": (
        "Oak Pine Elm Ash Birch Maple Cedar Willow Poplar Spruce Fir Beech Rose Tulip Lily Daisy Iris Orchid "
        "Poppy Violet Lotus Jasmine Lavender Fern Moss Ivy Bamboo Cactus Clover Thistle Heather Reed Palm Yew"
    ),
    "Sport": (
        "Soccer Football Tennis Golf Rugby Cricket Hockey Baseball Basketball Volleyball Boxing Judo Karate "
        "Fencing Rowing Sailing Surfing Skiing Skating Cycling Running Swimming Diving Climbing Archery Chess "
        "Badminton Squash Handball Curling Bowling Darts Polo Yoga Gymnastics Wrestling Triathlon Marathon"
    ),
    "Subject": (
        "Math Science History Art Music Biology Chemistry Physics English Latin French German Spanish Reading "
        "Writing Drama Dance Economics Law Medicine Nursing Geology Botany Zoology Algebra Geometry Statistics "
        "Philosophy Ethics Politics Sociology Psychology Astronomy Engineering Design Computing Religion"
    ),
    "Department": (
        "Sales Marketing Finance Legal Research Support Operations Logistics Production Purchasing Quality "
        "Training Security Planning Accounting Payroll Design Engineering Testing Delivery Service Admin "
        "Shipping Maintenance Procurement Facilities Audit Strategy Hiring Advertising IT HR PR"
    ),
    "Product": (
        "Laptop Phone Tablet Camera Printer Monitor Keyboard Speaker Headset Router Charger Watch Radio Lamp "
        "Chair Table Desk Sofa Bed Shelf Mirror Clock Carpet Curtain Pillow Blanket Towel Shirt Jacket Coat "
        "Dress Skirt Jeans Socks Shoes Boots Gloves Scarf Hat Belt Wallet Bag Backpack Suitcase Umbrella Tent "
        "Bottle Cup Plate Bowl Fork Knife Spoon Pan Pot Kettle Toaster Blender Oven Fridge Freezer Washer Dryer "
        "Vacuum Iron Drill Hammer Saw Wrench Ladder Paint Brush Books Games Toys Pens Paper Shoes Toner"
    ),
    "Vehicle": (
        "Car Bus Train Tram Bike Truck Van Taxi Ship Boat Ferry Plane Helicopter Scooter Motorcycle Bicycle "
        "Subway Metro Walking Tractor Trailer Yacht Canoe Cars Buses Trains Trucks Bikes Sedan Coupe Pickup SUV"
    ),
    "Energy": "Coal Oil Gas Solar Wind Hydro Nuclear Biomass Geothermal Tidal Wood Peat Diesel Petrol Hydrogen",
    "Material": (
        "Steel Copper Gold Silver Zinc Nickel Lead Tin Iron Aluminum Titanium Cobalt Lithium Glass Plastic "
        "Rubber Cotton Wool Silk Linen Leather Stone Brick Clay Sand Gravel Cement Concrete Timber Ceramic "
        "Marble Granite Nylon Paper Carbon Bronze Brass"
    ),
    "Color": (
        "Red Blue Green Yellow Purple Pink Brown Black White Gray Teal Navy Maroon Olive Cyan Magenta Gold "
        "Silver Beige Coral Indigo Violet Amber Crimson"
    ),
    "Name": (
        "Anna Ben Carl Dana Emma Finn Gina Hans Iris Jack Kate Liam Mary Nina Omar Paul Rita Sam Tina Uma Vera "
        "Will Yara Zoe Adam Alice Amir Bella Boris Carla Chen Clara Daniel David Diego Elena Eric Eva Felix "
        "Frank George Grace Hana Henry Hugo Ida Ivan Jacob James Jane Julia Karim Karl Laura Leo Linda Lucas "
        "Lucy Luis Maria Mark Marta Max Maya Mia Milo Nadia Noah Nora Oliver Oscar Peter Priya Rachel Ravi Rosa "
        "Ruth Sara Simon Sofia Stella Susan Tara Theo Thomas Tom Victor Walter Wendy Xavier Yuki Zara Aisha "
        "Bruno Cora Dora Edgar Fatima Greta Helen Ines Jonas Kira Lena Marco Naomi Olga Pedro Quinn Rosie"
    ),
    "Job": (
        "Teacher Doctor Nurse Lawyer Chef Farmer Pilot Driver Baker Butcher Tailor Painter Plumber Carpenter "
        "Mason Welder Clerk Cashier Manager Analyst Engineer Scientist Writer Editor Artist Actor Singer Dancer "
        "Judge Soldier Sailor Guard Miner Fisher Barber Dentist Librarian Architect Surgeon Waiter Cleaner"
    ),
    "Genre": (
        "Action Comedy Horror Romance Thriller Fantasy Mystery Western Musical Animation Documentary Adventure "
        "Crime War Sport Family Biography Poetry Fiction Rock Pop Jazz Blues Folk Metal Soul Funk Opera Techno "
        "Reggae Country Classical Disco Gospel Punk"
    ),
    "Place": (
        "North South East West Center Park School Library Museum Market Harbor Station Airport Beach Forest "
        "Lake River Valley Hill Island Garden Office Factory Warehouse Hospital Church Temple Castle Bridge "
        "Tower Village Farm Mill Stadium Theater Cinema Hotel Cafe Shop Store Bank Gym Pool Zoo Northeast "
        "Southwest Downtown Suburb Campus Plaza Square Asia Africa Europe America Oceania Pacific Atlantic Arctic"
    ),
    "Software": (
        "Python Java Rust Go Ruby Swift Kotlin Scala Perl Julia Haskell Lua Fortran Basic Pascal Lisp Linux "
        "Windows Android Chrome Firefox Safari Opera Edge Email Chat Video Search Maps Web Mobile Desktop Cloud "
        "Server Database Network Storage Memory Cache Disk Kernel Editor Browser Compiler Docker Redis Kafka Spark"
    ),
    "Level": (
        "Low Medium High Small Large Tiny Huge Basic Advanced Standard Premium Gold Silver Bronze Starter "
        "Expert Beginner Junior Senior Lead Minor Major Fast Slow Early Late New Old Young Adult Child Teen "
        "Spring Summer Autumn Winter Fall Morning Noon Evening Night"
    ),
    "Answer": (
        "Yes No Maybe Other None Unknown Never Rarely Sometimes Often Always Agree Disagree Neutral Good Bad "
        "Poor Fair Excellent Average Happy Sad Online Offline Email Phone Visit Cash Card Check Direct Referral "
        "Organic Social Paid Display Rent Housing Transport Travel Health Education Clothing Utilities Savings "
        "Insurance Taxes Entertainment Leisure Internet Mortgage Gifts Repairs"
    ),
    "Step": (
        "Start Begin Open Login Input Load Read Parse Check Verify Filter Sort Merge Split Clean Train Test "
        "Review Approve Reject Sign Pay Pack Ship Send Receive Store Archive Backup Deploy Build Compile Run "
        "Stop Close Exit End Finish Retry Wait Order Print Scan Label Count Measure Mix Heat Cool Dry Wash Cut "
        "Bake Fry Boil Serve Report Publish Draft Edit Plan Design Monitor Alert Log Save Upload Download "
        "Encrypt Decode Encode Validate Transform Extract Query Fetch Render Submit Confirm Cancel Assign Notify"
    ),
    "Planet": "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune Pluto Titan Europa Ceres Moon Sun Comet",
}

QUANTITIES = (
    "Sales Revenue Profit Cost Price Output Count Score Points Votes Visitors Users Members Students Hours "
    "Minutes Days Units Orders Exports Imports Budget Income Spending Weight Height Length Distance Speed "
    "Temperature Rainfall Population Share Demand Supply Tickets Goals Wins Books Patients Calls Views Clicks "
    "Downloads Subscribers Employees Staff Accidents Trips Passengers Production Consumption Emissions Energy "
    "Growth Rating Errors Items Amount Value Total Number Percent Attendance Rate Level Stock Donations"
).split()

_ADJECTIVES = (
    "Annual Monthly Weekly Daily Total Average Mean Net Gross Regional Global Local National Public Private "
    "Online Retail Estimated Reported Median Quarterly Early Late"
).split()

_UNITS = ("%", "kg", "km", "tons", "USD", "EUR", "mm", "GWh", "hours", "units", "points", "k", "millions", "°C", "m", "g")

_ONSETS = (
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p ph pl pr qu r s sc sh sk sl sm sn sp st str sw t th tr v w wh y z".split()
)
_NUCLEI = "a a e e i i o o u ai au ea ee ei ia ie io oa oo ou oy y".split()
_CODAS = ["", "", "", *"b ck d ff g k l ll m n n nd ng nk nt p r rd rk rm rn rt s sh sk ss st t th x z".split()]
_ENDINGS = ["", "", "", "", *"a o ia on er ix us um el is ex ent ive al ing ers ton ville land ford".split()]

FEW = [
    word
    for word in (
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun A B C D E F Red Blue Green Cat Dog Fish"
        " Bird Apple Pear Plum Tea Milk Rice Car Bus Train Bike Oil Gas Coal Men Women North South East West Math Art Music"
    ).split()
]
"""The words that a curriculum begins with: a model first learns that what it sees can be said at all."""

TOPICS = frozenset(_TOPICS)
"""What labels may be of."""
LISTED = sorted({word for words in _TOPICS.values() for word in words.split()})


_SERIES = (
    ("Men", "Women", "Children"),
    ("Boys", "Girls", "Adults"),
    ("Plan", "Actual", "Forecast"),
    ("Online", "Store", "Phone"),
    ("Import", "Export", "Transit"),
    ("Before", "After", "Later"),
)
_COUNTED = ("Week", "Day", "Group", "Team", "Stage", "Level", "Phase", "Room", "Lab", "Grade", "Round")
_LETTERED = ("Group", "Team", "Plan", "Type", "Item", "Class", "Zone", "Unit", "Site", "Case", "Product", "Model")
_GENERAL = ("Category", "Item", "Type", "Group", "Name", "Period", "Year", "Time")

# Words of the drawings' own phrases stay in training whatever their checksum says.
_COMMON = {
    word.lower()
    for words in (QUANTITIES, _ADJECTIVES, _UNITS, _TOPICS, _COUNTED, _LETTERED, _GENERAL, *_SERIES, _TOPICS["Month"].split())
    for word in words
} | {"process", "workflow", "pipeline"}


@cache
def is_held_out(word: str) -> bool:
    """Whether ``word`` is kept for held-out pictures: one in twelve of four letters or more, by a checksum."""
    word = word.lower()
    return len(word) > 3 and word.isalpha() and word not in _COMMON and zlib.crc32(word.encode()) % 12 == 0


def _may_use(label: str, held_out: bool) -> bool:
    return held_out or not any(is_held_out(part) for part in label.split())


def invent(rng: random.Random) -> str:
    """A pronounceable word that is in no list, such as ``Brontex`` or ``Skaulia``."""
    syllables = rng.choice((1, 2, 2, 2, 2, 3))
    word = "".join(rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS) for _ in range(syllables))
    word += rng.choice(_ENDINGS)
    style = rng.random()
    return word[:10].capitalize() if style < 0.9 else word[:10] if style < 0.95 else word[:4].upper()


def invent_for(rng: random.Random, held_out: bool) -> str:
    """An invented word that training may show, or any where ``held_out`` words may occur."""
    word = invent(rng)
    while not _may_use(word, held_out):
        word = invent(rng)
    return word


def _code(rng: random.Random) -> str:
    letter = rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ")
    return rng.choice(
        (
            letter,
            f"{letter}{rng.randint(1, 9)}",
            f"Q{rng.randint(1, 4)}",
            f"{rng.choice(_LETTERED)} {letter}",
            letter + rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ"),
            str(rng.randint(1960, 2029)),
        )
    )


def _sequence(rng: random.Random, count: int) -> list[str] | None:
    """``count`` labels that follow each other in time or in order, or None where no such series is long enough."""
    start = rng.randint(1980, 2024)
    step = rng.choice((1, 1, 1, 2, 5))
    word = rng.choice(_COUNTED)
    months, short, days, weekdays = (_TOPICS[key].split() for key in ("Month", "Mon", "Day", "Weekday"))
    short = short[:4] + ["May"] + short[4:]
    series = rng.choice(
        (
            [str(start + step * i) for i in range(count)],
            [str(start + step * i) for i in range(count)],
            months[(at := rng.randint(0, max(0, 12 - count))) : at + count],
            short[(at := rng.randint(0, max(0, 12 - count))) : at + count],
            short[(at := rng.randint(0, max(0, 12 - count))) : at + count],
            days[:count],
            weekdays[:count],
            [f"Q{i + 1}" for i in range(count)] if count <= 4 else [],
            [f"Q{1 + i % 4} {start + i // 4}" for i in range(count)] if count > 2 else [],
            [f"{word} {i + 1}" for i in range(count)],
            [f"{word} {chr(65 + i)}" for i in range(count)],
            [chr(65 + i) for i in range(count)],
            [f"{10 * (i + 1)}-{10 * (i + 1) + 9}" for i in range(count)],
        )
    )
    return series if len(series) == count else None


def _one(rng: random.Random, words: list[str]) -> str:
    style = rng.random()
    if style < 0.62:
        return rng.choice(words)
    if style < 0.90:
        return invent(rng)
    if style < 0.95:
        return _code(rng)
    return f"{rng.choice(words)} {rng.choice((rng.choice(LISTED), rng.choice(LISTED).lower(), str(rng.randint(1, 9))))}"


def labels(
    rng: random.Random, count: int, held_out: bool, *, ordered: bool = False, topic: str = "", few: bool = False
) -> tuple[list[str], str]:
    """``count`` different labels and the word for what they are.

    Args:
        rng: source of randomness.
        count: how many labels, 1 to 12.
        held_out: whether words that training never shows may occur; then about a third of the labels are such.
        ordered: prefer labels that form a series (years, months, weeks).
        topic: draw from this topic only.
        few: draw from the short list :data:`FEW` only.

    Returns:
        the labels, none contained in another's words, and a noun such as ``Country``.
    """
    if few:
        return rng.sample(FEW, count), rng.choice(_GENERAL)
    if not topic and rng.random() < (0.75 if ordered else 0.12):
        series = _sequence(rng, count)
        if series and all(_may_use(label, held_out) for label in series):
            return series, rng.choice(_GENERAL[-3:])
    topic = topic or rng.choice(sorted(_TOPICS))
    words = _TOPICS[topic].split()
    if len(words) < 2 * count or rng.random() < 0.35:
        topic, words = rng.choice(_GENERAL[:5]), LISTED
    fresh = [word for word in words if is_held_out(word)] if held_out else []
    chosen: list[str] = []
    while len(chosen) < count:
        label = rng.choice(fresh) if fresh and rng.random() < 0.3 else _one(rng, words)
        if _may_use(label, held_out) and label.lower() not in {other.lower() for other in chosen}:
            chosen.append(label)
    return chosen, topic


def series_names(rng: random.Random, count: int, held_out: bool, *, few: bool = False) -> list[str]:
    """``count`` names for the series of a chart: years, groups, or words."""
    if few:
        return rng.sample(FEW, count)
    if rng.random() < 0.2:
        start = rng.randint(1990, 2023)
        return [str(start + i) for i in range(count)]
    if rng.random() < 0.2:
        return list(rng.choice(_SERIES)[:count])
    return labels(rng, count, held_out)[0]


def quantity(rng: random.Random) -> tuple[str, str]:
    """What is measured and its unit, such as ``("Exports", "tons")``; the unit may be empty."""
    return rng.choice(QUANTITIES), rng.choice(_UNITS) if rng.random() < 0.45 else ""


def title(rng: random.Random, quantity: str, topic: str, held_out: bool) -> str:
    """A headline for a chart of ``quantity`` by ``topic``, sometimes with a place, a year or an invented name."""
    place = rng.choice(LISTED) if rng.random() < 0.5 else ""
    if not place or not _may_use(place, held_out):
        place = invent_for(rng, held_out)
    year = rng.randint(1985, 2025)
    return rng.choice(
        (
            f"{quantity} by {topic}",
            f"{quantity} by {topic.lower()}",
            f"{rng.choice(_ADJECTIVES)} {quantity.lower()}",
            f"{rng.choice(_ADJECTIVES)} {quantity} by {topic}",
            f"{quantity} in {year}",
            f"{quantity} of {place}",
            f"{quantity}, {place} {year}",
            f"{place} {quantity.lower()}",
            f"{topic} {quantity.lower()} {year}",
            f"{quantity} per {topic.lower()}",
            quantity,
        )
    )
