#include "ui/chat/transcript_heights.h"

#include <bit>

namespace ui {
namespace {

size_t lowBit(size_t n) {
    return n & (~n + 1);
}

} // namespace

void HeightTree::clear() {
    m_heights.clear();
    m_sums.clear();
}

void HeightTree::append(double height) {
    m_heights.push_back(height);
    const size_t n = m_heights.size();
    double sum = height;
    for (size_t step = 1; step < lowBit(n); step <<= 1)
        sum += m_sums[n - 1 - step];
    m_sums.push_back(sum);
}

void HeightTree::set(size_t index, double height) {
    const double change = height - m_heights[index];
    if (change == 0)
        return;
    m_heights[index] = height;
    for (size_t n = index + 1; n <= m_sums.size(); n += lowBit(n))
        m_sums[n - 1] += change;
}

void HeightTree::truncate(size_t size) {
    // Every sum covers only items at or before its own.
    m_heights.resize(size);
    m_sums.resize(size);
}

double HeightTree::prefix(size_t count) const {
    double sum = 0;
    for (size_t n = count; n > 0; n -= lowBit(n))
        sum += m_sums[n - 1];
    return sum;
}

size_t HeightTree::at(double y) const {
    size_t position = 0;
    for (size_t step = std::bit_floor(m_sums.size()); step > 0; step >>= 1) {
        if (position + step <= m_sums.size() && m_sums[position + step - 1] <= y) {
            position += step;
            y -= m_sums[position - 1];
        }
    }
    return position < m_heights.size() ? position : m_heights.size() - 1;
}

} // namespace ui
