#pragma once
// Words for downloads. Pure functions; translated.

#include "app/download/download_values.h"

#include <QColor>
#include <QString>

namespace ui {

struct Palette;

QString hubName(app::HubKind hub);
QString fitText(app::RemoteFit fit);
QColor fitColor(app::RemoteFit fit, const Palette& palette);
/// "1.20 GB of 4.70 GB · 38.00 MB/s · 2 min left"; the state in words when it does not run, the
/// error when it failed.
QString jobText(const app::DownloadJob& job);
/// "45 s left", "3 min left", "2 h 10 min left".
QString timeLeftText(qint64 seconds);
/// "0a1b2c3d": the first figures of a commit, as people quote it.
QString commitText(const QString& commit);

} // namespace ui
