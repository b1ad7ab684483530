"""``deepracer-fast garage``: builds a car, shows one, or lists those that are there.

In: a name and options. Out: ``garage/NAME`` with its ``model_metadata.json`` and a picture of its
actions, and what is printed. Neighbours: ``cli`` parses the options; ``garage`` builds.
"""

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepracer_fast.commands.options import CarOptions, given
from deepracer_fast.commands.terminal import say
from deepracer_fast.errors import ConfigError
from deepracer_fast.files.action_words import action_table, in_words
from deepracer_fast.files.garage import (
    GARAGE,
    NETWORKS,
    SENSORS,
    CarPlan,
    built,
    park,
    parked,
    place_of,
    short_name,
)
from deepracer_fast.files.model_metadata import (
    FIRST_MODEL,
    METADATA_NAME,
    ModelMetadata,
    read_model_metadata,
)

PICTURE_NAME = "actions.png"
FIRST_NAME = "The Original DeepRacer"


def run_garage(name: str | None, options: CarOptions, as_json: bool = False) -> None:
    """Builds the car of that name, or changes it; without a plan shows it; without a name lists.

    What the options leave out is as it was, or as in the first car.

    Raises:
        DeepRacerError: it cannot be built, or a car that is there cannot be read.
        OSError: it cannot be written.
    """
    plan = CarPlan(**given(options))
    if name is None:
        if plan != CarPlan():
            raise ConfigError("name the car that is to be built so: deepracer-fast garage NAME ...")
        _list_cars(as_json)
        return
    place = place_of(name)
    is_there = (place / METADATA_NAME).exists()
    before = read_model_metadata(place) if is_there else replace(FIRST_MODEL, car_name=name)
    car = built(before, plan)
    if not is_there or plan != CarPlan():
        from deepracer_fast.pictures.action_space import draw_actions  # loads matplotlib

        park(car, place)
        draw_actions(car.action_space, place / PICTURE_NAME, car.car or name)
    if as_json:
        print(car.to_json(), end="")
    else:
        _show(car, place)


def _list_cars(as_json: bool) -> None:
    cars = list(parked())
    if as_json:
        print(json.dumps({str(place): json.loads(car.to_json()) for place, car in cars}, indent=2))
        return
    table = Table()
    for column in ("car", "color", "sensors", "CNN", "actions"):
        table.add_column(column, overflow="fold")
    first = replace(FIRST_MODEL, car_name=FIRST_NAME)
    for car in (first, *(car for _, car in cars)):
        sensors = " + ".join(short_name(each, SENSORS) for each in car.sensors)
        network = short_name(car.neural_network, NETWORKS)
        cells = (car.car_name, car.car_color, sensors, network, in_words(car.action_space))
        table.add_row(*map(escape, cells))
    console = Console()
    console.print(table)
    places = f"in {GARAGE}: {', '.join(str(place) for place, _ in cars)}"
    say(console, places if cars else "build one: deepracer-fast garage NAME --help")


def _show(car: ModelMetadata, place: Path) -> None:
    console = Console()
    say(console, f"car      {car.car or place.name}", f"sensors  {car.sees}")
    say(console, f"network  {car.neural_network}", f"actions  {in_words(car.action_space)}")
    console.print(action_table(car.action_space))
    say(console, f"file     {place / METADATA_NAME}", f"picture  {place / PICTURE_NAME}")
    say(console, f"train    deepracer-fast train --metadata {place}")
