# expect: compiled
from dataclasses import dataclass, field
from typing import Optional


@dataclass
class Car:
    speed: float = 0.0
    steering: Optional[float] = None
    turns: int = 0

    @property
    def is_turning(self) -> bool:
        return self.steering is not None and abs(self.steering) > 10

    def update(self, params: dict) -> None:
        self.speed = params["speed"]
        if self.steering is not None and self.steering * params["steering_angle"] < 0:
            self.turns += 1
        self.steering = params["steering_angle"]


car = Car()


def reward_function(params: dict) -> float:
    car.update(params)
    reward: float = car.speed - 0.05 * car.turns
    if car.is_turning:
        reward *= 0.8
    return max(reward, 0.001)
