# expect: compiled
def reward_function(params):
    points = params['waypoints']
    index = params['closest_waypoints'][1]
    reach = 1.2
    travelled = 0.0
    turns = 0
    while travelled < reach:
        a = points[index]
        index = (index + 1) % len(points)
        b = points[index]
        travelled += ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
        turns += 1
        if turns > 50:
            break
    else:
        turns += 100
    gap = ((points[index][0] - params['x']) ** 2 + (points[index][1] - params['y']) ** 2) ** 0.5
    return reach - abs(gap - reach) + turns / 1000 + travelled
