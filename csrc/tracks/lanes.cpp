// Builds and reads the lanes: see lanes.h.
#include "tracks/lanes.h"

namespace deepracer_fast {
namespace {

constexpr float kOnCenter = 1e-3F;  // m from the centre line, as far from one border as the other

// Waypoint by waypoint: from the row to the border's own, or to its nearest point if the border's
// rows lie elsewhere.
std::vector<Vec2> midway(const Track& track, const Border& border) {
  const Polyline& center = track.center();
  const std::vector<Vec2> a = center.points();
  const std::vector<Vec2> b = border.points();
  std::vector<Vec2> result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float arc =
        i < center.segments().size() ? center.segments()[i].arc_start : center.length();
    const Vec2 beside =
        track.rows_stand_opposite() ? b[i] : border.nearest(a[i], center.slice(arc));
    result.push_back(0.5F * (a[i] + beside));
  }
  return result;
}

// The spline's parameters and points: a waypoint that is listed twice counts once.
struct Knots {
  std::vector<float> arcs;
  std::vector<Vec2> points;
};

Knots knots(const Polyline& center, std::span<const Vec2> lane) {
  Knots result;
  const auto segments = center.segments();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].length < 1e-6F) continue;
    result.arcs.push_back(segments[i].arc_start);
    result.points.push_back(lane[i]);
  }
  result.arcs.push_back(center.length());
  result.points.push_back(lane.back());
  return result;
}

Vec2 narrow(Vec2d a) { return {static_cast<float>(a.x), static_cast<float>(a.y)}; }

// Rows of a tridiagonal system: lower * x[i - 1] + middle * x[i] + upper * x[i + 1] = right.
struct Row {
  double lower, middle, upper;
  Vec2d right;
};

// Solves it by elimination (Thomas).
std::vector<Vec2d> solve(std::vector<Row> rows) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const double factor = rows[i].lower / rows[i - 1].middle;
    rows[i].middle -= factor * rows[i - 1].upper;
    rows[i].right = rows[i].right - factor * rows[i - 1].right;
  }
  std::vector<Vec2d> x(rows.size());
  for (std::size_t i = rows.size(); i-- > 0;) {
    const Vec2d known = i + 1 < rows.size() ? rows[i].upper * x[i + 1] : Vec2d{};
    x[i] = (1.0 / rows[i].middle) * (rows[i].right - known);
  }
  return x;
}

// Second derivatives at the knots. A closed curve's equations are unrolled twice over to each side,
// where their influence has died out (it falls by 3.7 a knot): no cyclic solver is needed.
std::vector<Vec2d> curvatures(std::span<const float> u, std::span<const Vec2> p, bool is_loop) {
  const auto pieces = static_cast<std::ptrdiff_t>(u.size()) - 1;
  const std::ptrdiff_t extra = is_loop ? std::max<std::ptrdiff_t>(pieces, 40) : 0;
  const auto piece_of = [pieces](std::ptrdiff_t i) {
    return static_cast<std::size_t>((i % pieces + pieces) % pieces);
  };
  const auto step = [&](std::ptrdiff_t i) {
    const std::size_t k = piece_of(i);
    return static_cast<double>(u[k + 1]) - static_cast<double>(u[k]);
  };
  const auto rise = [&](std::ptrdiff_t i) {
    const std::size_t k = piece_of(i);
    const Vec2d a{p[k].x, p[k].y};
    const Vec2d b{p[k + 1].x, p[k + 1].y};
    return (1.0 / step(i)) * (b - a);
  };
  std::vector<Row> rows{{0.0, 1.0, 0.0, {}}};
  for (std::ptrdiff_t i = 1 - extra; i < pieces + extra; ++i)
    rows.push_back(
        {step(i - 1), 2.0 * (step(i - 1) + step(i)), step(i), 6.0 * (rise(i) - rise(i - 1))});
  rows.push_back({0.0, 1.0, 0.0, {}});
  const std::vector<Vec2d> all = solve(std::move(rows));
  return {all.begin() + extra, all.begin() + extra + pieces + 1};
}

}  // namespace

CubicSpline::CubicSpline(std::span<const float> parameters, std::span<const Vec2> points,
                         bool is_loop) {
  const std::vector<Vec2d> bend = curvatures(parameters, points, is_loop);
  for (std::size_t i = 0; i + 1 < parameters.size(); ++i) {
    const double h = static_cast<double>(parameters[i + 1]) - static_cast<double>(parameters[i]);
    const Vec2d a{points[i].x, points[i].y};
    const Vec2d b{points[i + 1].x, points[i + 1].y};
    const Vec2d first = (1.0 / h) * (b - a) - (h / 6.0) * (2.0 * bend[i] + bend[i + 1]);
    const Vec2d third = (1.0 / (6.0 * h)) * (bend[i + 1] - bend[i]);
    pieces_.push_back(
        {parameters[i], points[i], narrow(first), narrow(0.5 * bend[i]), narrow(third)});
  }
}

CubicSpline::Point CubicSpline::at(float parameter, int& hint) const {
  const int last = static_cast<int>(pieces_.size()) - 1;
  hint = std::clamp(hint, 0, last);
  while (hint > 0 && parameter < pieces_[hint].start) --hint;
  while (hint < last && parameter >= pieces_[hint + 1].start) ++hint;
  const Piece& q = pieces_[hint];
  const float t = parameter - q.start;
  return {q.value + t * (q.first + t * (q.second + t * q.third)),
          q.first + t * (2.0F * q.second + (3.0F * t) * q.third)};
}

Lanes::Lanes(const Track& track)
    : track_(&track),
      lines_{Polyline(midway(track, track.inner())), Polyline(midway(track, track.outer()))} {
  for (std::size_t lane = 0; lane < 2; ++lane) {
    const Knots k = knots(track.center(), lines_[lane].points());
    splines_[lane] = CubicSpline(k.arcs, k.points, track.is_loop());
  }
}

LanePose Lanes::parked_at(Lane lane, float arc) const {
  const Polyline& line = lines_[static_cast<std::size_t>(lane)];
  const Polyline::Nearest foot = line.nearest(track_->center_at(arc));
  const Vec2 span = line.segment_at(foot.arc).span;
  return {foot.point, std::atan2(span.y, span.x)};
}

CubicSpline::Point Lanes::drive_at(Lane lane, float arc, int& hint) const {
  return splines_[static_cast<std::size_t>(lane)].at(arc, hint);
}

Lane Lanes::nearest(Vec2 p) const {
  const TrackPoint at = track_->locate(p);
  return at.nearer_inner && at.distance_from_center > kOnCenter ? Lane::kInner : Lane::kOuter;
}

}  // namespace deepracer_fast
