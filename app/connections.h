#pragma once
// What connects where, and when: the list of the page "Privacy". A part of the program that opens a
// socket has an entry here.

#include "app/settings_values.h"

#include <QList>
#include <QString>

namespace app {

struct Connection {
    QString name;
    QString what;           ///< when it happens, in one line
    QString state;          ///< now: "off", "this computer only"
    bool isOutside = false; ///< it can reach, or be reached from, another computer now
};

/// In the language of the moment.
QList<Connection> connections(const SettingsValues& values);

} // namespace app
