"""``python -m deepracer_fast.reward.compiler FILE``: what each phase makes of a reward function."""

import sys

from deepracer_fast.errors import RewardError
from deepracer_fast.reward.compiler.lattice.values import Unsupported
from deepracer_fast.reward.compiler.phases import phases
from deepracer_fast.reward.loading import read_reward


def main() -> None:
    """Prints the phases of the file, or of the example, that the command names."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        for title, text in phases(read_reward(sys.argv[1])):
            print(f"== {title} ==\n{text}\n")
    except Unsupported as error:
        sys.exit(f"line {error.line}: {error.what}: it is interpreted")
    except RewardError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
