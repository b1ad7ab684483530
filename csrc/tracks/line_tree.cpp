// Builds and searches the tree: see line_tree.h.
#include "tracks/line_tree.h"

#include <algorithm>
#include <limits>

namespace deepracer_fast {

constexpr std::size_t kLeaf = 8;  // segments

LineTree::LineTree(std::span<const double> xy) {
  for (std::size_t i = 0; i + 1 < xy.size(); i += 2) points_.push_back({xy[i], xy[i + 1]});
  std::vector<Box> leaves;
  for (std::size_t first = 0; first < num_segments(); first += kLeaf) {
    Box box = {points_[first].x, points_[first].y, points_[first].x, points_[first].y};
    for (std::size_t i = first; i <= std::min(first + kLeaf, num_segments()); ++i)
      box = {std::min(box.min_x, points_[i].x), std::min(box.min_y, points_[i].y),
             std::max(box.max_x, points_[i].x), std::max(box.max_y, points_[i].y)};
    leaves.push_back(box);
  }
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1) {
    std::vector<Box> above;
    const std::vector<Box>& below = levels_.back();
    for (std::size_t i = 0; i < below.size(); i += 2) {
      const Box& a = below[i];
      const Box& b = below[std::min(i + 1, below.size() - 1)];
      above.push_back({std::min(a.min_x, b.min_x), std::min(a.min_y, b.min_y),
                       std::max(a.max_x, b.max_x), std::max(a.max_y, b.max_y)});
    }
    levels_.push_back(std::move(above));
  }
}

LineTree::Nearest LineTree::nearest(Point p) const {
  Candidate best = {std::numeric_limits<double>::infinity(), {points_.front(), 0}};
  look(levels_.size() - 1, 0, p, best);
  return best.found;
}

void LineTree::look(std::size_t level, std::size_t node, Point p, Candidate& best) const {
  if (level == 0) return look_at_leaf(node, p, best);
  const std::vector<Box>& below = levels_[level - 1];
  const auto gap2 = [&](std::size_t child) {
    if (child >= below.size()) return std::numeric_limits<double>::infinity();
    const Box& box = below[child];
    const double x = std::max({box.min_x - p.x, p.x - box.max_x, 0.0});
    const double y = std::max({box.min_y - p.y, p.y - box.max_y, 0.0});
    return x * x + y * y;
  };
  const std::size_t left = 2 * node, right = 2 * node + 1;
  const double to_left = gap2(left), to_right = gap2(right);
  const bool left_first = to_left <= to_right;
  if (left_first && to_left <= best.gap2) look(level - 1, left, p, best);
  if (right < below.size() && to_right <= best.gap2) look(level - 1, right, p, best);
  if (!left_first && to_left <= best.gap2) look(level - 1, left, p, best);
}

void LineTree::look_at_leaf(std::size_t leaf, Point p, Candidate& best) const {
  const std::size_t end = std::min((leaf + 1) * kLeaf, num_segments());
  for (std::size_t i = leaf * kLeaf; i < end; ++i) {
    const Point span = points_[i + 1] - points_[i];
    const double squared = std::max(dot(span, span), std::numeric_limits<double>::min());
    const double t = std::clamp(dot(p - points_[i], span) / squared, 0.0, 1.0);
    const Point foot = points_[i] + t * span;
    const double gap2 = dot(p - foot, p - foot);
    if (gap2 < best.gap2 || (gap2 == best.gap2 && i < best.found.segment)) best = {gap2, {foot, i}};
  }
}

// Walks two trees at once; nodes whose boxes are apart have no crossing below them.
struct LineTree::Search {
  const LineTree& one;
  const LineTree& other;
  std::size_t most;
  std::vector<Crossing> found;

  struct Node {
    std::size_t level, index;
    std::size_t first() const { return (index << level) * kLeaf; }
    std::size_t last() const { return ((index + 1) << level) * kLeaf; }  // exclusive
  };

  void walk(Node a, Node b) {
    if (found.size() >= most || (&one == &other && a.first() >= b.last())) return;
    const Box& p = one.levels_[a.level][a.index];
    const Box& q = other.levels_[b.level][b.index];
    if (p.min_x > q.max_x || q.min_x > p.max_x || p.min_y > q.max_y || q.min_y > p.max_y) return;
    if (a.level == 0 && b.level == 0) return compare(a, b);
    const bool split_first = a.level >= b.level;
    const Node whole = split_first ? a : b;
    const std::size_t below = (split_first ? one : other).levels_[whole.level - 1].size();
    for (std::size_t child = 2 * whole.index; child < std::min(2 * whole.index + 2, below);
         ++child) {
      const Node part = {whole.level - 1, child};
      split_first ? walk(part, b) : walk(a, part);
    }
  }

  void compare(Node a, Node b) {
    const std::size_t end_a = std::min(a.last(), one.num_segments());
    const std::size_t end_b = std::min(b.last(), other.num_segments());
    for (std::size_t i = a.first(); i < end_a; ++i)
      for (std::size_t j = &one == &other ? std::max(b.first(), i + 1) : b.first(); j < end_b; ++j)
        if (found.size() < most && crosses(i, j))
          found.push_back({static_cast<std::int32_t>(i), static_cast<std::int32_t>(j)});
  }

  bool crosses(std::size_t i, std::size_t j) const {
    const Point step = one.points_[i + 1] - one.points_[i];
    const Point other_step = other.points_[j + 1] - other.points_[j];
    const Point between = other.points_[j] - one.points_[i];
    const double determinant = cross(step, other_step);
    const double on_one = cross(between, other_step) / determinant;
    const double on_other = cross(between, step) / determinant;
    if (&one == &other) return on_one > 0.0 && on_one < 1.0 && on_other > 0.0 && on_other < 1.0;
    return on_one >= 0.0 && on_one <= 1.0 && on_other >= 0.0 && on_other <= 1.0;
  }
};

std::vector<LineTree::Crossing> LineTree::crossings(const LineTree& other, std::size_t most) const {
  Search search{*this, other, most, {}};
  search.walk({levels_.size() - 1, 0}, {other.levels_.size() - 1, 0});
  return std::move(search.found);
}

}  // namespace deepracer_fast
