#pragma once
// What you see is what is there: characters that hide, reorder or smuggle text become visible.
// Prose keeps what real scripts need (joiners, direction marks); code and links keep nothing.

#include <QString>
#include <QStringView>

namespace ui {

enum class EscapeScope { Prose, Strict };

/// True when `codePoint` must not reach the screen as it is.
bool isHiddenCharacter(char32_t codePoint, EscapeScope scope);

/// `text` with every hidden character written as ⟨U+202E⟩. Line feeds and tabs stay.
QString visibleEscapes(QStringView text, EscapeScope scope);

} // namespace ui
