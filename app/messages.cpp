#include "app/messages.h"

#include <QCoreApplication>

namespace app {

namespace {

/// An argument is data, or words that are marked with PHRASE.
std::string inTheUsersLanguage(const std::string& argument) {
    if (argument.empty())
        return argument;
    const QString translated = QCoreApplication::translate("Status", argument.c_str());
    return translated == QString::fromUtf8(argument.c_str()) ? argument : translated.toStdString();
}

} // namespace

QString sentence(const engine::Status& status) {
    // The keys are string literals of status_codes.inc, so data() ends with a zero.
    const std::string_view key = engine::sentenceTemplate(status.code());
    const QString translated = QCoreApplication::translate("Status", key.data());
    std::vector<engine::StatusArgument> arguments = status.arguments();
    for (engine::StatusArgument& argument : arguments)
        argument.value = inTheUsersLanguage(argument.value);
    return QString::fromStdString(engine::fillTemplate(translated.toStdString(), arguments));
}

} // namespace app
