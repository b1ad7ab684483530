# expect: compiled
def reward_function(params):
    speed = params['speed']
    text = 'fast' if speed > 2 else 'slow'
    print('speed:', speed, text)
    print("%.2f m/s, %s" % (speed, text))
    print(f'{params["x"]:.3f} {params["closest_waypoints"]}' + ' end')
    print('{0} {1}'.format(params['steps'], str(params['heading'])))
    msg = 'reward: '
    msg += str(speed)
    print(msg)
    if text == 'fast':
        return 2.0
    return 1.0
