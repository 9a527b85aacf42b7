#include "app/messages.h"

#include <QCoreApplication>

namespace app {

QString sentence(const engine::Status& status) {
    // The keys are string literals of status_codes.inc, so data() ends with a zero.
    const std::string_view key = engine::sentenceTemplate(status.code());
    const QString translated = QCoreApplication::translate("Status", key.data());
    return QString::fromStdString(
        engine::fillTemplate(translated.toStdString(), status.arguments()));
}

} // namespace app
