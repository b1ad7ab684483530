# expect: compiled
import math

def reward_function(params):
    try:
        ratio = params['progress'] / (params['steps'] - 2)
    except ZeroDivisionError:
        ratio = 1.0
    try:
        root = math.sqrt(0.3 - params['distance_from_center'])
    except ValueError as error:
        print('outside', error)
        root = 0
    try:
        value = params['not_a_key']
    except KeyError:
        value = 0.25
    try:
        thing = params['objects_location'][params['closest_objects'][1]][0] * 0.01
    except (IndexError, TypeError):
        thing = 0.0
    except Exception:
        thing = -1.0
    else:
        thing += 0.5
    finally:
        value += 0.1
    return ratio + root + value + thing
