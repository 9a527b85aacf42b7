#pragma once
// Words for downloads. Pure functions; translated.

#include "app/download/download_values.h"

#include <QString>

namespace ui {

struct Palette;

QString hubName(app::HubKind hub);
QString fitText(app::RemoteFit fit);
QColor fitColor(app::RemoteFit fit, const Palette& palette);
/// "1.2 of 4.7 GB, 38 MB/s, 1 min 30 s left"; the state in words when it does not run.
QString jobText(const app::DownloadJob& job);
/// "45 s", "3 min", "2 h 10 min".
QString timeLeftText(qint64 seconds);
/// "abc1234": a commit as people quote it.
QString commitText(const QString& commit);

} // namespace ui
