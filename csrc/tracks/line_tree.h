// A line in float64 and what is asked of it before anybody drives: nearest points and crossings.
//
// A track is checked, measured and paired with these while it is loaded; what a step asks is
// answered by polyline.h. The boxes around runs of segments form a tree, so that a question costs
// the logarithm of the number of rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/geometry.h"

namespace deepracer_fast {

class LineTree {
 public:
  using Point = Vec2d;
  struct Nearest {
    Point point;
    std::size_t segment;  // the first of those that are as near
  };
  // Segment numbers of two lines that cross.
  struct Crossing {
    std::int32_t first, second;
  };

  // x0, y0, x1, y1, ... of at least two points.
  explicit LineTree(std::span<const double> xy);

  Nearest nearest(Point p) const;
  // The segments that cross or touch another line's, `most` of them at most. Of a line and itself
  // those that cross inside both, not at an end; each pair is told once, the lower number first.
  std::vector<Crossing> crossings(const LineTree& other, std::size_t most) const;

 private:
  struct Box {
    double min_x, min_y, max_x, max_y;
  };
  struct Candidate {
    double gap2;
    Nearest found;
  };
  struct Search;

  std::size_t num_segments() const { return points_.size() - 1; }
  void look(std::size_t level, std::size_t node, Point p, Candidate& best) const;
  void look_at_leaf(std::size_t leaf, Point p, Candidate& best) const;

  std::vector<Point> points_;
  std::vector<std::vector<Box>> levels_;  // [levels] boxes of leaves, of pairs of them, and so on
};

}  // namespace deepracer_fast
