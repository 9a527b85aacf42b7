#pragma once
// A model of a real shape with random weights and the built-in model's vocabulary: it can be
// chatted with, and every figure but the sense of its words is a real one's.

#include <QString>

namespace tests {

/// Writes it as INT8; why not, else.
QString writeRandomModel(const QString& shape, const QString& file);

} // namespace tests
