#pragma once
// Heights of things stacked from top to bottom, with prefix sums in O(log n): a Fenwick tree.
// Appending, changing one height, finding what lies at a height never visit all of them.

#include <cstddef>
#include <vector>

namespace ui {

class HeightTree {
  public:
    size_t size() const { return m_heights.size(); }
    double height(size_t index) const { return m_heights[index]; }
    double total() const { return prefix(size()); }

    void clear();
    void append(double height);
    void set(size_t index, double height);
    void truncate(size_t size);

    /// Sum of the heights of [0, count): where item `count` begins.
    double prefix(size_t count) const;
    /// The item that covers `y`; the first or last one for a `y` outside. size() must not be 0.
    size_t at(double y) const;

  private:
    std::vector<double> m_heights;
    std::vector<double> m_sums; // m_sums[i] covers the (i + 1) & -(i + 1) items that end with i
};

} // namespace ui
