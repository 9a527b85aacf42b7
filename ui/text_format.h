#pragma once
// Figures and states as people read them. Pure functions; translated.

#include "app/history/records.h"

#include <QString>

namespace app {
struct SplitValue;
} // namespace app

namespace ui {

QString tokensText(int tokens);            ///< "840", "1.2k", "32k"
QString bytesText(quint64 bytes);          ///< "1.53 GB"
QString speedText(double tokensPerSecond); ///< "128 tok/s", "8.4 tok/s", "–" when 0
QString durationText(qint64 us);           ///< "85 ms", "1.2 s"
/// An engine's device: "CPU · AVX-512 VNNI · 2 threads", its count in the user's language.
QString deviceText(const QString& device);
/// Who asks: "Desktop", "API", or what a key is called.
QString clientText(const QString& client);
/// "2 GPUs: 144 tok/s, one alone: 93.1 tok/s"; empty where nothing was measured.
QString splitText(const app::SplitValue& split);
QString weightsText(const QString& format); ///< "int8" -> "INT8", "f32" -> "F32"
/// "no. 3, about 12 s", "no. 3", empty while it is not known.
QString queueText(const app::QueuePlace& place);
/// "answering", "waiting: no. 3, about 12 s", "new answer", "failed"; empty when idle.
QString stateText(app::ConversationState state, const app::QueuePlace& place = {});
/// "“Title” is in the trash for 30 days."
QString trashedText(const QString& title, int days);
/// One line each, at most six, and how many more there are.
QString listText(const QStringList& titles);
QString stopReasonText(app::StopReason reason,
                       const QString& stopString); ///< empty for a normal end

} // namespace ui
