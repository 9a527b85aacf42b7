#pragma once
// A notification of the desktop (org.freedesktop.Notifications); silent where there is none. Does
// not wait for the answer. GUI thread.

#include <QString>

namespace ui {

void notifyDesktop(const QString& title, const QString& text, bool isUrgent);

} // namespace ui
