#pragma once
// The queue of downloads as a file: what was asked for survives a restart. No secrets in it.

#include "app/download/download_values.h"

#include <QJsonArray>

namespace app {

/// A download with all that is needed to go on with it.
struct JobRecord {
    DownloadJob shown;
    QString endpoint;
    QString commit;
    QList<RemoteFile> files;
};

QJsonArray jobsToJson(const QList<JobRecord>& jobs);
/// Jobs that make no sense, or lead out of `models`, are left out. What was not done is paused:
/// nothing connects by itself.
QList<JobRecord> jobsFromJson(const QJsonArray& json, const QString& models);

} // namespace app
