#pragma once
#include <QString>

namespace app {

/// A chat's first name: the first words of its first message, without Markdown's signs, on one
/// line, at most 60 characters.
QString titleFrom(const QString& message);

} // namespace app
