# expect: compiled
import math


class Reward:
    def __init__(self, verbose=False):
        self.first_racingpoint_index = None
        self.verbose = verbose

    def reward_function(self, params):

        def dist_2_points(x1, x2, y1, y2):
            return abs(abs(x1-x2)**2 + abs(y1-y2)**2)**0.5

        def closest_2_racing_points_index(racing_coords, car_coords):
            distances = []
            for i in range(len(racing_coords)):
                distance = dist_2_points(x1=racing_coords[i][0], x2=car_coords[0],
                                         y1=racing_coords[i][1], y2=car_coords[1])
                distances.append(distance)
            closest_index = distances.index(min(distances))
            distances_no_closest = distances.copy()
            distances_no_closest[closest_index] = 999
            second_closest_index = distances_no_closest.index(
                min(distances_no_closest))
            return [closest_index, second_closest_index]

        def dist_to_racing_line(closest_coords, second_closest_coords, car_coords):
            a = abs(dist_2_points(x1=closest_coords[0], x2=second_closest_coords[0],
                                  y1=closest_coords[1], y2=second_closest_coords[1]))
            b = abs(dist_2_points(x1=car_coords[0], x2=closest_coords[0],
                                  y1=car_coords[1], y2=closest_coords[1]))
            c = abs(dist_2_points(x1=car_coords[0], x2=second_closest_coords[0],
                                  y1=car_coords[1], y2=second_closest_coords[1]))
            try:
                distance = abs(-(a**4) + 2*(a**2)*(b**2) + 2*(a**2)*(c**2) -
                               (b**4) + 2*(b**2)*(c**2) - (c**4))**0.5 / (2*a)
            except:
                distance = b
            return distance

        def next_prev_racing_point(closest_coords, second_closest_coords, car_coords, heading):
            heading_vector = [math.cos(math.radians(heading)), math.sin(math.radians(heading))]
            new_car_coords = [car_coords[0]+heading_vector[0], car_coords[1]+heading_vector[1]]
            distance_closest_coords_new = dist_2_points(x1=new_car_coords[0], x2=closest_coords[0],
                                                        y1=new_car_coords[1], y2=closest_coords[1])
            distance_second_closest_coords_new = dist_2_points(x1=new_car_coords[0], x2=second_closest_coords[0],
                                                               y1=new_car_coords[1], y2=second_closest_coords[1])
            if distance_closest_coords_new <= distance_second_closest_coords_new:
                next_point_coords = closest_coords
                prev_point_coords = second_closest_coords
            else:
                next_point_coords = second_closest_coords
                prev_point_coords = closest_coords
            return [next_point_coords, prev_point_coords]

        def racing_direction_diff(closest_coords, second_closest_coords, car_coords, heading):
            next_point, prev_point = next_prev_racing_point(closest_coords, second_closest_coords,
                                                            car_coords, heading)
            track_direction = math.atan2(next_point[1] - prev_point[1], next_point[0] - prev_point[0])
            track_direction = math.degrees(track_direction)
            direction_diff = abs(track_direction - heading)
            if direction_diff > 180:
                direction_diff = 360 - direction_diff
            return direction_diff

        def indexes_cyclical(start, end, array_len):
            if end < start:
                end += array_len
            return [index % array_len for index in range(start, end)]

        def projected_time(first_index, closest_index, step_count, times_list):
            current_actual_time = (step_count-1) / 15
            indexes_traveled = indexes_cyclical(first_index, closest_index, len(times_list))
            current_expected_time = sum([times_list[i] for i in indexes_traveled])
            total_expected_time = sum(times_list)
            try:
                projected_time = (current_actual_time/current_expected_time) * total_expected_time
            except:
                projected_time = 9999
            return projected_time

        # x, y, speed, time to the next point
        racing_track = [[6.90, 2.5, 4.0, 0.0891], [6.83, 2.86, 4, 0.0891], [6.62, 3.2, 3.9, 0.1012],
                        [6.29, 3.53, 3.5, 0.1151], [5.86, 3.82, 3.1, 0.13], [5.37, 4.06, 2.8, 0.1402],
                        [4.85, 4.23, 2.5, 0.15], [4.34, 4.33, 2.2, 0.16], [3.86, 4.35, 2, 0.17],
                        [3.42, 4.31, 2, 0.18], [3.0, 4.24, 1.9, 0.18], [2.61, 4.18, 1.7, 0.19],
                        [2.2, 4.15, 1.5, 0.2], [1.75, 4.14, 1.5, 0.2], [1.25, 4.1, 1.6, 0.2],
                        [0.7, 3.97, 1.9, 0.19], [0.17, 3.7, 2.2, 0.17], [-0.2, 3.25, 2.6, 0.15],
                        [-0.32, 2.69, 2.6, 0.15], [-0.15, 2.1, 2.4, 0.16], [0.24, 1.55, 2.1, 0.17],
                        [0.75, 1.12, 1.9, 0.18], [1.3, 0.84, 1.7, 0.19], [1.82, 0.71, 1.6, 0.2],
                        [2.29, 0.67, 1.6, 0.2], [2.72, 0.63, 1.8, 0.19], [3.14, 0.52, 2, 0.18],
                        [3.6, 0.36, 2.2, 0.17], [4.14, 0.24, 2.5, 0.16], [4.75, 0.27, 2.9, 0.14],
                        [5.38, 0.51, 3.3, 0.12], [5.97, 0.95, 3.7, 0.11], [6.45, 1.51, 4.0, 0.1]]

        x = params['x']
        y = params['y']
        distance_from_center = params['distance_from_center']
        heading = params['heading']
        progress = params['progress']
        steps = params['steps']
        speed = params['speed']
        steering_angle = params['steering_angle']
        track_width = params['track_width']
        is_offtrack = params['is_offtrack']

        closest_index, second_closest_index = closest_2_racing_points_index(racing_track, [x, y])
        optimals = racing_track[closest_index]
        optimals_second = racing_track[second_closest_index]

        if self.verbose == True:
            self.first_racingpoint_index = 0
        if steps == 1 or self.first_racingpoint_index is None:
            self.first_racingpoint_index = closest_index

        reward = 1

        DISTANCE_MULTIPLE = 1
        dist = dist_to_racing_line(optimals[0:2], optimals_second[0:2], [x, y])
        distance_reward = max(1e-3, 1 - (dist/(track_width*0.5)))
        reward += distance_reward * DISTANCE_MULTIPLE

        SPEED_DIFF_NO_REWARD = 1
        SPEED_MULTIPLE = 2
        speed_diff = abs(optimals[2]-speed)
        if speed_diff <= SPEED_DIFF_NO_REWARD:
            speed_reward = (1 - (speed_diff/(SPEED_DIFF_NO_REWARD))**2)**2
        else:
            speed_reward = 0
        reward += speed_reward * SPEED_MULTIPLE

        REWARD_PER_STEP_FOR_FASTEST_TIME = 1
        STANDARD_TIME = 37
        FASTEST_TIME = 27
        times_list = [row[3] for row in racing_track]
        projected_time = projected_time(self.first_racingpoint_index, closest_index, steps, times_list)
        try:
            steps_prediction = projected_time * 15 + 1
            reward_prediction = max(1e-3, (-REWARD_PER_STEP_FOR_FASTEST_TIME*(FASTEST_TIME) /
                                           (STANDARD_TIME-FASTEST_TIME))*(steps_prediction-(STANDARD_TIME*15+1)))
            steps_reward = min(REWARD_PER_STEP_FOR_FASTEST_TIME, reward_prediction / steps_prediction)
        except:
            steps_reward = 0
        reward += steps_reward

        direction_diff = racing_direction_diff(optimals[0:2], optimals_second[0:2], [x, y], heading)
        if direction_diff > 30:
            reward = 1e-3
        speed_diff_zero = optimals[2]-speed
        if speed_diff_zero > 0.5:
            reward = 1e-3

        REWARD_FOR_FASTEST_TIME = 1500
        if progress == 100:
            finish_reward = max(1e-3, (-REWARD_FOR_FASTEST_TIME /
                                       (15*(STANDARD_TIME-FASTEST_TIME)))*(steps-STANDARD_TIME*15))
        else:
            finish_reward = 0
        reward += finish_reward

        if is_offtrack == True:
            reward = 1e-3

        if self.verbose == True:
            print("Closest index: %i" % closest_index)
            print("Distance to racing line: %f" % dist)
            print("=== Steps reward: {} ===".format(steps_reward))
        return float(reward)


reward_object = Reward()


def reward_function(params):
    return reward_object.reward_function(params)
